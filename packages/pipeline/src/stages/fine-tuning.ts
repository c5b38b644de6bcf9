import { softmaxCrossEntropy } from '@sdq/kernels';
import { type EncoderModel, FloatOps, floatClassifier, lossLogits, wordSite } from '@sdq/models';
import { FakeQuantizedOps, type ResolvedPlan } from '@sdq/quantizers';
import type { StepContext } from '@sdq/trainer';
import type * as tf from '@tensorflow/tfjs';
import { type NoiseOptions, roundsWholeTable } from './quantized-training.ts';
import type { ModelStep } from './train-model.ts';

/**
 * What a step of fine-tuning computes: the task's loss on the float model. With noise, random blocks of its weights are
 * quantized, others in each step, so that it learns to bear that; inputs stay float. It is scored as a float model.
 *
 * Source: O'Neill and Dutta 2023, "Self-Distilled Quantization", section 3 (the teacher with quantization noise).
 */
export function fineTuning(plan: ResolvedPlan, noise?: NoiseOptions): ModelStep {
  const weights: ResolvedPlan = new Map(
    [...plan].map(([site, { match, weight }]) => [site, { match, ...(weight && { weight }) }]),
  );
  const interpreter = (student: EncoderModel, { random, rowIds }: Pick<StepContext, 'random' | 'rowIds'>) => {
    const float = new FloatOps({ dropout: random });
    if (!noise) return float;
    const seed = random.fork('noise').seed;
    return new FakeQuantizedOps(float, weights, {
      grids: new Map(),
      noise: { ...noise, seed },
      ...(rowIds && { tableRows: new Map([[wordSite(student.config), rowIds]]) }),
    });
  };
  return {
    wholeTable: noise && ((config) => roundsWholeTable(weights, config)),
    loss: (student, batch, context) => {
      const logits = lossLogits(student, interpreter(student, context), batch);
      const total = softmaxCrossEntropy(logits as tf.Tensor2D, batch.labels);
      return { total, parts: {} };
    },
    classifier: floatClassifier,
  };
}

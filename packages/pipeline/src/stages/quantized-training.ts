import type { AffineGrid, ObserverState, Site, Taps } from '@sdq/core';
import { type CombinedLoss, TapCollector } from '@sdq/distillation';
import { softmaxCrossEntropy } from '@sdq/kernels';
import {
  type Batch,
  type EncoderConfig,
  type EncoderModel,
  FloatOps,
  labelledRows,
  logitsOf,
  lossLogits,
  wordSite,
} from '@sdq/models';
import {
  FakeQuantizedOps,
  gridsForRanges,
  MovingAverageObserver,
  type QuantNoise,
  type ResolvedPlan,
  type SiteRanges,
} from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import type { RunConfig } from '../config/index.ts';
import type { ModelStep } from './train-model.ts';

/** The steps of QAT or SDQ on a fake-quantized student, and the grids of activations, which follow its training. */
export interface QuantizedTraining {
  readonly step: ModelStep;
  readonly grids: ReadonlyMap<Site, AffineGrid>;
}

const MOVING_AVERAGE_MOMENTUM = 0.99;

/** How a student learns from its teacher. */
export interface TeacherLoss {
  readonly teacher: EncoderModel;
  readonly loss: CombinedLoss;
  /** What the teacher shows for a batch: live, or from a cache. */
  readonly signal: (batch: Batch) => Taps;
}

/** Whether the word embeddings share a scale, which is that of all rows, also of those that no batch names. */
export function roundsWholeTable(plan: ResolvedPlan, config: EncoderConfig): boolean {
  return plan.get(wordSite(config))?.weight?.granularity === 'tensor';
}

/** A share of each weight's blocks that is quantized in a step. */
export type NoiseOptions = Omit<QuantNoise, 'seed'>;

/**
 * What a step of QAT or SDQ computes: the task's loss on the fake-quantized student, and for SDQ how far it is from the
 * teacher. Source: O'Neill and Dutta 2023, "Self-Distilled Quantization", section 3.
 *
 * @param ranges - the calibrated range of each site's input, from where a moving average goes on
 * @param distilled - what is learned from the teacher; absent for QAT
 * @param noise - quantizes random blocks of the weights only, others in each batch; a word has the same blocks wherever it stands
 */
export function quantizedTraining(
  plan: ResolvedPlan,
  ranges: SiteRanges,
  { distillation, quantized }: Pick<RunConfig, 'distillation' | 'quantized'>,
  distilled?: TeacherLoss,
  noise?: NoiseOptions,
): QuantizedTraining {
  const observers = new Map(
    [...ranges].map(([site, range]) => [site, new MovingAverageObserver(MOVING_AVERAGE_MOMENTUM, range)]),
  );
  const grids = gridsForRanges(ranges, plan);
  const step: ModelStep = {
    prepare: distilled?.signal,
    wholeTable: (config) => roundsWholeTable(plan, config),
    loss: (student, batch, { random, prepared, step, totalSteps, rowIds }) => {
      const collector = new TapCollector(distilled?.loss ?? { taps: () => false }, student.config);
      const float = new FloatOps({ dropout: random, onTap: collector.onTap });
      const ops = new FakeQuantizedOps(float, plan, {
        grids,
        ...(step < quantized.observerShare * totalSteps && { observers }),
        ...(rowIds && { tableRows: new Map([[wordSite(student.config), rowIds]]) }),
        ...(noise && { noise: { ...noise, seed: random.fork('noise').seed } }),
      });
      const logits = lossLogits(student, ops, batch);
      const task = softmaxCrossEntropy(logits as tf.Tensor2D, batch.labels);
      if (!distilled) return { total: task, parts: { task } };
      const taps = { logits, shown: collector.shown };
      const context = { offsets: batch.offsets, teacher: distilled.teacher.config, student: student.config };
      const { total, parts, terms } = distilled.loss.compute(prepared!, taps, context, step / totalSteps);
      return {
        total: tf.add(task.mul(distillation.task), total),
        parts: { task, ...parts },
        terms: { task: { weight: distillation.task, rows: labelledRows(batch) }, ...terms },
      };
    },
    classifier: (student) => (batch) =>
      logitsOf(student, new FakeQuantizedOps(new FloatOps(), plan, { grids: new Map(grids) }), batch),
    state: {
      save: () => ({ observers: [...observers], grids: [...grids] }),
      restore: (saved) => {
        const state = saved as { observers: [Site, ObserverState][]; grids: [Site, AffineGrid][] };
        for (const [site, observer] of state.observers)
          observers.set(site, MovingAverageObserver.from(observer));
        for (const [site, grid] of state.grids) grids.set(site, grid);
      },
    },
  };
  return { step, grids };
}

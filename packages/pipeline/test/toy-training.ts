import { Random } from '@sdq/core';
import { embedding, linear, softmaxCrossEntropy } from '@sdq/kernels';
import type { Batch, EncodedExample } from '@sdq/models';
import { type StepContext, type StepLoss, TRAINING_DEFAULTS, type TrainingRecipe } from '@sdq/trainer';
import * as tf from '@tensorflow/tfjs';

export const toyRecipe: TrainingRecipe = {
  ...TRAINING_DEFAULTS,
  epochs: 10,
  learningRate: 0.05,
  tokensPerBatch: 24,
  dropout: 0,
};

/** A class a text, told by its first token: a look-up and a linear learn it. */
export const toyExamples: EncodedExample[] = Array.from({ length: 60 }, (_, i) => ({
  ids: Int32Array.from({ length: 2 + (i % 5) }, (_, j) => (j === 0 ? i % 6 : 6 + j)),
  labels: Int32Array.of(i % 3),
}));

/** The parameters that learn {@link toyExamples}, always from the same values. */
export function toyVariables(): Map<string, tf.Variable> {
  const random = new Random(9);
  const draw = (rows: number, columns: number) =>
    tidyVariable(() =>
      tf.tensor2d(
        Float32Array.from({ length: rows * columns }, () => 0.1 * random.normal()),
        [rows, columns],
      ),
    );
  return new Map([
    ['embeddings.weight', draw(20, 4)],
    ['classifier.weight', draw(3, 4)],
    ['classifier.bias', tidyVariable(() => tf.zeros([3]))],
  ]);
}

/** A variable whose first value is no tensor of its own. */
function tidyVariable(value: () => tf.Tensor): tf.Variable {
  return tf.tidy(() => tf.variable(value()));
}

/** The cross-entropy of a batch. */
export function toyLoss(
  variables: ReadonlyMap<string, tf.Variable>,
  batch: Batch,
  { rows }: Pick<StepContext, 'rows'>,
): StepLoss {
  const table = rows ?? variables.get('embeddings.weight')!;
  const first = embedding(embedding(table as tf.Tensor2D, batch.ids), batch.offsets.slice(0, -1));
  const logits = linear(first, variables.get('classifier.weight')!, variables.get('classifier.bias')!);
  const total = softmaxCrossEntropy(logits, batch.labels);
  return { total, parts: { task: total } };
}

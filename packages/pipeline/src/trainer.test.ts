import { Random, type RunEvent } from '@sdq/core';
import { embedding, linear, softmaxCrossEntropy } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { recorder } from '../test/recorder.ts';
import type { EncodedExample } from './encoded-example.ts';
import { type TrainingRecipe, train } from './trainer.ts';

beforeAll(() => tf.setBackend('cpu'));

const recipe: TrainingRecipe = {
  epochs: 10,
  learningRate: 0.05,
  warmupShare: 0.1,
  weightDecay: 0.01,
  clipNorm: 1,
  tokensPerBatch: 24,
  dropout: 0,
};

/** A class a text, told by its first token: a look-up and a linear learn it. */
const examples: EncodedExample[] = Array.from({ length: 60 }, (_, i) => ({
  ids: Int32Array.from({ length: 2 + (i % 5) }, (_, j) => (j === 0 ? i % 6 : 6 + j)),
  labels: Int32Array.of(i % 3),
}));

function start(): Map<string, tf.Variable> {
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

async function descend(options: { sparse?: string; seed?: number; scale?: number } = {}) {
  const variables = start();
  const events: RunEvent[] = [];
  const tensors: number[] = [];
  const summary = await train({
    stage: 'test',
    examples,
    variables,
    recipe,
    seed: options.seed ?? 0,
    reporter: recorder(events),
    sparse: options.sparse,
    loss: (batch, { rows }) => {
      tensors.push(tf.memory().numTensors);
      const table = rows ?? variables.get('embeddings.weight')!;
      const first = embedding(embedding(table as tf.Tensor2D, batch.ids), batch.offsets.slice(0, -1));
      const logits = linear(first, variables.get('classifier.weight')!, variables.get('classifier.bias')!);
      const total = softmaxCrossEntropy(logits, batch.labels).mul(options.scale ?? 1) as tf.Scalar;
      return { total, parts: { task: total } };
    },
  });
  const values = [...variables.values()].map((variable) => [...variable.dataSync()]);
  for (const variable of variables.values()) variable.dispose();
  return { summary, events, values, tensors };
}

describe('train', () => {
  it('learns', async () => {
    const { events, summary } = await descend();
    const losses = events.map(({ loss }) => loss as number);
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)).toBeLessThan(0.2);
    expect(summary.steps).toBe(events.length);
    expect(summary.tokens).toBe(10 * examples.reduce((sum, { ids }) => sum + ids.length, 0));
  });

  it('repeats bit for bit from its seed, and differs with another', async () => {
    const [first, again, other] = [await descend(), await descend(), await descend({ seed: 1 })];
    expect(again!.values).toEqual(first!.values);
    expect(other!.values).not.toEqual(first!.values);
  });

  it('keeps the count of tensors flat', async () => {
    for (const sparse of [undefined, 'embeddings.weight']) {
      const before = tf.memory().numTensors;
      const { tensors } = await descend(sparse === undefined ? {} : { sparse });
      expect(new Set(tensors.slice(2)).size).toBe(1);
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it('changes only the rows that batches name when a table is sparse', async () => {
    const before = [...start().get('embeddings.weight')!.dataSync()];
    const { values, events } = await descend({ sparse: 'embeddings.weight' });
    const after = values[0]!;
    const changed = Array.from({ length: 20 }, (_, row) => before.slice(4 * row, 4 * row + 4)).map((row, i) =>
      row.some((value, j) => value !== after[4 * i + j]),
    );
    // Ids 6 and those above 11 never come; the others do.
    expect(changed.flatMap((is, row) => (is ? [row] : []))).toEqual([0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]);
    expect(events.at(-1)!.loss).toBeLessThan(0.2);
  });

  it('stops at a loss that is not finite, and names the step and the examples', async () => {
    await expect(descend({ scale: Number.NaN })).rejects.toThrow(
      /loss of "test" is NaN at step 1, on the examples \d+/,
    );
  });
});

import type { RunEvent } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { recorder } from '../../pipeline/test/recorder.ts';
import {
  toyExamples as examples,
  toyLoss,
  toyRecipe,
  toyVariables,
} from '../../pipeline/test/toy-training.ts';
import { train } from './trainer.ts';
import type { TrainingRecipe } from './training-recipe.ts';

beforeAll(() => tf.setBackend('cpu'));

async function descend(
  options: { sparse?: string; seed?: number; scale?: number; recipe?: Partial<TrainingRecipe> } = {},
) {
  const variables = toyVariables();
  const events: RunEvent[] = [];
  const tensors: number[] = [];
  const summary = await train({
    stage: 'test',
    examples,
    variables,
    roleOf: () => undefined,
    recipe: { ...toyRecipe, ...options.recipe },
    seed: options.seed ?? 0,
    reporter: recorder(events),
    sparse: options.sparse,
    loss: (batch, context) => {
      tensors.push(tf.memory().numTensors);
      const { total, parts } = toyLoss(variables, batch, context);
      return { total: total.mul(options.scale ?? 1) as tf.Scalar, parts };
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
    const before = [...toyVariables().get('embeddings.weight')!.dataSync()];
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
      /loss of "test" is NaN at step 1, on the examples \d+.*, and "embeddings.weight" has a gradient of norm NaN/,
    );
  });
});

it('shows the teacher the ids of the whole table, also where a step trains its rows', async () => {
  const variables = toyVariables();
  const seen: number[][] = [];
  await train({
    stage: 'test',
    examples,
    variables,
    roleOf: () => undefined,
    recipe: { ...toyRecipe, epochs: 1 },
    seed: 0,
    reporter: recorder(),
    sparse: 'embeddings.weight',
    prepare: (batch) => {
      seen.push([...batch.ids]);
      return { value: undefined, dispose: () => {} };
    },
    loss: (batch, context) => {
      expect([...batch.ids]).not.toEqual(seen.at(-1));
      expect(context.rows!.shape[0]).toBe(new Set(seen.at(-1)).size);
      return toyLoss(variables, batch, context);
    },
  });
  const tokens = examples.flatMap(({ ids }) => [...ids]);
  expect(seen.flat().sort((a, b) => a - b)).toEqual(tokens.sort((a, b) => a - b));
  for (const variable of variables.values()) variable.dispose();
});

import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { RowAverage } from './row-average.ts';
import { WeightAverage } from './weight-average.ts';

beforeAll(() => tf.setBackend('cpu'));

const [ROWS, WIDTH, STEPS] = [40, 3, 120];

function variable(rows: number, width: number, seed: number): tf.Variable {
  const random = new Random(seed);
  const values = Float32Array.from({ length: rows * width }, () => random.normal());
  return tf.tidy(() => tf.variable(tf.tensor2d(values, [rows, width])));
}

/** The rows that a step names, some far more often than others, and what it adds to each. */
function stepOf(step: number): { rowIds: Int32Array; change: (table: tf.Variable) => void } {
  const random = new Random(1000 + step);
  const ids = Array.from({ length: 4 }, () => random.below(1 + random.below(ROWS)));
  const rowIds = Int32Array.from(new Set(ids));
  const change = (table: tf.Variable) => {
    const values = Float32Array.from(table.dataSync());
    for (const id of rowIds) for (let k = 0; k < WIDTH; k++) values[id * WIDTH + k]! += 0.1 * random.normal();
    tf.tidy(() => table.assign(tf.tensor2d(values, [ROWS, WIDTH])));
  };
  return { rowIds, change };
}

/** a = decay a + (1 - decay) w over the whole table in each step, in float64. */
function reference(decay: number, steps: number): Float64Array {
  const table = variable(ROWS, WIDTH, 1);
  const averages = Float64Array.from(table.dataSync());
  for (let step = 0; step < steps; step++) {
    stepOf(step).change(table);
    table.dataSync().forEach((weight, i) => {
      averages[i] = decay * averages[i]! + (1 - decay) * weight;
    });
  }
  table.dispose();
  return averages;
}

describe.each([0, 0.5, 0.99, 0.9999])('an average that keeps %f', (decay) => {
  it('is the plain average of the whole table, within the rounding of float32', () => {
    const before = tf.memory().numTensors;
    const table = variable(ROWS, WIDTH, 1);
    const average = new RowAverage(table, decay);
    for (let step = 0; step < STEPS; step++) {
      const { rowIds, change } = stepOf(step);
      average.update(rowIds, () => change(table));
      if (step % 40 !== 39) continue;
      const weights = [...table.dataSync()];
      average.swap();
      const expected = reference(decay, step + 1);
      const found = table.dataSync();
      expect(Math.max(...expected.map((value, i) => Math.abs(found[i]! - value)))).toBeLessThan(1e-6);
      average.swap();
      expect([...table.dataSync()]).toEqual(weights);
    }
    table.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('goes on from what was written down with the same bits', () => {
    const averagesAfter = (restoreAt: number) => {
      const table = variable(ROWS, WIDTH, 1);
      let average = new RowAverage(table, decay);
      for (let step = 0; step < STEPS; step++) {
        if (step === restoreAt) {
          const state = average.state();
          average = new RowAverage(table, decay);
          average.restore(state, step);
        }
        const { rowIds, change } = stepOf(step);
        average.update(rowIds, () => change(table));
      }
      average.swap();
      const values = [...table.dataSync()];
      table.dispose();
      return values;
    };
    const whole = averagesAfter(-1);
    for (const step of [0, 1, 57]) expect(averagesAfter(step)).toEqual(whole);
  });
});

it('touches and keeps the rows that change, not the table', async () => {
  const [rows, width] = [50_000, 8];
  const table = variable(rows, width, 2);
  const other = variable(4, 4, 3);
  const average = new WeightAverage(
    new Map([
      ['table', table],
      ['other', other],
    ]),
    0.9,
    'table',
  );
  const rowIds = Int32Array.of(7, 49_999, 300);
  const profile = await tf.profile(() => {
    for (let step = 0; step < 3; step++) average.update(() => {}, rowIds);
    return [];
  });
  const bytes = profile.kernels.reduce((sum, { bytesAdded }) => sum + bytesAdded, 0);
  // Two gathers of three rows a step, and little for the other variable, where the table has 1.6 MB.
  expect(bytes).toBeLessThan(4096);
  const kept = [...average.state()].filter(([name]) => name.startsWith('table'));
  expect(kept.map(([name, { shape }]) => [name, ...shape])).toEqual([
    ['table.rowIds', 3],
    ['table.averages', 3 * width],
    ['table.steps', 3],
  ]);
  average.dispose();
  tf.dispose([table, other]);
});

it('says which average is missing in a checkpoint', () => {
  const table = variable(2, 2, 1);
  const average = new WeightAverage(new Map([['table', table]]), 0.9, 'table');
  expect(() => average.restore(new Map(), 5)).toThrow('no average "table.rowIds"');
  average.restore(new Map(), 0);
  average.dispose();
  table.dispose();
});

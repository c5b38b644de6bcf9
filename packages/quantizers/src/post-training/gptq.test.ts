import { type Granularity, Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { adversarialRows, roundHalfEven } from '../../test/adversarial.ts';
import { Gram, outputError } from '../gram.ts';
import { floatsOf, perChannel, perGroup, perTensor, weightQuantizer } from '../weights/weight-quantizers.ts';
import { adaRound } from './adaround.ts';
import { gptq } from './gptq.ts';
import { reverseCholesky } from './reverse-cholesky.ts';

beforeAll(() => tf.setBackend('cpu'));

const ROWS = 12;
const COLUMNS = 64;

function normals(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** Inputs that depend on one another, as those of a model do. */
function inputs(seed: number): tf.Tensor2D {
  return tf.tidy(() => {
    const hidden = tf.tensor2d(normals(200 * 20, seed), [200, 20]);
    const mixing = tf.tensor2d(normals(20 * COLUMNS, seed + 1), [20, COLUMNS]);
    const noise = tf.tensor2d(normals(200 * COLUMNS, seed + 2), [200, COLUMNS]);
    return tf.matMul(hidden, mixing).add(noise.mul(0.3)) as tf.Tensor2D;
  });
}

function gramOf(x: tf.Tensor2D): Gram {
  const gram = new Gram(x.shape[1]);
  gram.add(x.slice([0, 0], [50, COLUMNS]));
  gram.add(x.slice([50, 0], [150, COLUMNS]));
  return gram;
}

const weight = normals(ROWS * COLUMNS, 5);
const shape = [ROWS, COLUMNS] as const;
const x = () => inputs(6);
const matrix = () => tf.tensor2d(weight, [...shape]);

describe('Gram', () => {
  it('is X^T X, and the error through it is that of the outputs', () => {
    const gram = gramOf(x());
    const expected = tf.matMul(x(), x(), true).dataSync();
    for (let i = 0; i < expected.length; i++) expect(gram.matrix[i]).toBeCloseTo(expected[i]!, 2);
    expect(gram.count).toBe(200);
    const changed = weight.map((value, i) => value + 0.1 * Math.sin(i));
    const difference = tf.matMul(
      x(),
      tf.tensor2d(
        weight.map((value, i) => changed[i]! - value),
        [...shape],
      ),
      false,
      true,
    );
    const error = difference.square().sum().dataSync()[0]! / 200;
    expect(outputError(weight, changed, gram) / error).toBeCloseTo(1, 4);
  });

  it('names the site of inputs that are not finite', () => {
    expect(() => new Gram(1).add(tf.tensor2d([[Number.NaN]]), 'a.query')).toThrow('"a.query"');
  });
});

it('reverseCholesky factors, and says when it cannot', () => {
  const { matrix } = gramOf(x());
  const u = reverseCholesky(matrix, COLUMNS);
  for (let i = 0; i < COLUMNS; i++) {
    for (let j = 0; j < COLUMNS; j++) {
      let sum = 0;
      for (let k = 0; k < COLUMNS; k++) sum += u[i * COLUMNS + k]! * u[j * COLUMNS + k]!;
      expect(Math.abs(sum - matrix[i * COLUMNS + j]!)).toBeLessThan(1e-9 * matrix[0]!);
      if (j < i) expect(u[i * COLUMNS + j]).toBe(0);
    }
  }
  expect(() => reverseCholesky(Float64Array.of(1, 2, 2, 1), 2)).toThrow('raise the damping');
});

/** The algorithm as the paper has it: by the inverse of the Hessian, rewriting the columns that are to come. */
function textbook(bits: number, damping: number, order: number[], group: number): Int8Array {
  const { matrix } = gramOf(x());
  const n = COLUMNS;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += matrix[i * n + i]! / n;
  const h = order.map((from, i) =>
    order.map((to, j) => 2 * (matrix[from * n + to]! + (i === j ? damping * mean : 0))),
  );
  const values = new Int8Array(ROWS * n);
  for (let row = 0; row < ROWS; row++) {
    const w = order.map((column) => weight[row * n + column]!);
    const original = [...weight.subarray(row * n, (row + 1) * n)];
    const qMax = 2 ** (bits - 1) - 1;
    const scales: number[] = [];
    let inverse = invert(h);
    for (let i = 0; i < n; i++) {
      const index = Math.floor(order[i]! / group);
      scales[index] ??= Math.fround(
        Math.max(...original.slice(index * group, (index + 1) * group).map(Math.abs)) / qMax,
      );
      const scale = scales[index]!;
      const q = Math.max(-qMax, Math.min(qMax, roundHalfEven(w[i]! / scale)));
      values[row * n + order[i]!] = q;
      const error = (w[i]! - q * scale) / inverse[i]![i]!;
      for (let j = i; j < n; j++) w[j]! -= error * inverse[i]![j]!;
      // Equation 3: takes row and column i out of the inverse.
      inverse = inverse.map((line, a) =>
        line.map((value, b) =>
          a <= i || b <= i ? 0 : value - (inverse[a]![i]! * inverse[i]![b]!) / inverse[i]![i]!,
        ),
      );
    }
  }
  return values;
}

function invert(matrix: number[][]): number[][] {
  const n = matrix.length;
  const work = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    const pivot = work[i]![i]!;
    work[i] = work[i]!.map((value) => value / pivot);
    for (let k = 0; k < n; k++) {
      const factor = work[k]![i]!;
      if (k !== i) work[k] = work[k]!.map((value, j) => value - factor * work[i]![j]!);
    }
  }
  return work.map((row) => row.slice(n));
}

describe('gptq', () => {
  const identity = Array.from({ length: COLUMNS }, (_, i) => i);

  it.each([
    ['per channel', 'channel', COLUMNS],
    ['per group', { group: 16 }, 16],
  ] as const)('%s gives the integers of the textbook', (_, granularity, group) => {
    const actual = gptq(matrix(), gramOf(x()), weightQuantizer(4, granularity));
    expect([...actual.values]).toEqual([...textbook(4, 0.01, identity, group)]);
  });

  it.each([
    ['per channel', 'channel', COLUMNS],
    ['per group', { group: 16 }, 16],
  ] as const)('%s in the order of activations gives those too', (_, granularity, group) => {
    const gram = gramOf(x());
    const energy = (i: number) => gram.matrix[i * (COLUMNS + 1)]!;
    const order = [...identity].sort((a, b) => energy(b) - energy(a));
    const actual = gptq(matrix(), gram, weightQuantizer(3, granularity), {
      activationOrder: true,
      damping: 0.05,
    });
    expect([...actual.values]).toEqual([...textbook(3, 0.05, order, group)]);
  });

  it.each([4, 3, 2, 1])('at %i bits changes the outputs less than rounding to nearest', (bits) => {
    const gram = gramOf(x());
    for (const granularity of ['tensor', 'channel', { group: 32 }] satisfies Granularity[]) {
      const nearest = weightQuantizer(bits, granularity).quantize(tf.tensor2d(weight, [...shape]));
      const error = (rows: typeof nearest) => outputError(weight, floatsOf(rows), gram);
      for (const activationOrder of [false, true]) {
        const found = gptq(matrix(), gram, weightQuantizer(bits, granularity), { activationOrder });
        expect(error(found)).toBeLessThan(0.8 * error(nearest));
        expect(found.scales.length).toBe(nearest.scales.length);
      }
    }
  });

  it('rounds to nearest where the inputs are all zero or independent', () => {
    const nearest = weightQuantizer(4, 'channel').quantize(tf.tensor2d(weight, [...shape]));
    expect(gptq(matrix(), new Gram(COLUMNS), perChannel(4)).values).toEqual(nearest.values);
    const independent = new Gram(COLUMNS);
    for (let i = 0; i < COLUMNS; i++) independent.matrix[i * (COLUMNS + 1)] = i + 1;
    expect(gptq(matrix(), independent, perChannel(4)).values).toEqual(nearest.values);
  });

  it('takes weights that break careless arithmetic', () => {
    const rows = adversarialRows();
    const all = Float32Array.from(rows.flatMap(({ row }) => [...row]));
    const gram = gramOf(x());
    for (const bits of [8, 4, 2, 1]) {
      const { values, scales } = gptq(tf.tensor2d(all, [rows.length, COLUMNS]), gram, perChannel(bits));
      const limit = Math.max(1, 2 ** (bits - 1) - 1);
      expect(values.every((value) => Math.abs(value) <= limit)).toBe(true);
      expect(scales.every((scale) => scale >= 0 && Number.isFinite(scale))).toBe(true);
      if (bits > 1) expect(values.subarray(0, 2 * COLUMNS).every((value) => value === 0)).toBe(true);
    }
  });

  it('refuses what does not fit', () => {
    const gram = gramOf(x());
    const four = perChannel(4);
    expect(() => gptq(matrix(), gram, four, { damping: 0 })).toThrow('damping');
    expect(() => gptq(matrix(), gram, perGroup(4, 48), {}, 'a.key')).toThrow('"a.key"');
    expect(() => gptq(matrix(), new Gram(3), four)).toThrow('3 inputs');
    expect(() => gptq(tf.fill([ROWS, COLUMNS], Number.NaN), gram, four, {}, 'a.key')).toThrow('"a.key"');
  });
});

describe('adaRound', () => {
  it.each([4, 3, 2])('at %i bits changes the outputs less than rounding to nearest', (bits) => {
    const gram = gramOf(x());
    for (const granularity of ['channel', { group: 32 }] satisfies Granularity[]) {
      const found = adaRound(matrix(), gram, weightQuantizer(bits, granularity));
      const error = (level: (i: number) => number) =>
        outputError(
          weight,
          Float32Array.from(weight, (_, i) => level(i)),
          gram,
        );
      const size = found.groupSize ?? COLUMNS;
      const scale = (i: number) => found.scales[Math.floor(i / size)]!;
      const limit = 2 ** (bits - 1) - 1;
      const nearest = (i: number) => Math.max(-limit, Math.min(limit, roundHalfEven(weight[i]! / scale(i))));
      expect(error((i) => found.values[i]! * scale(i))).toBeLessThan(
        0.8 * error((i) => nearest(i) * scale(i)),
      );
      // Up or down, and nothing else.
      found.values.forEach((value, i) => {
        const v = Math.max(-limit, Math.min(limit, weight[i]! / scale(i)));
        expect(Math.abs(value - v)).toBeLessThan(1.0001);
      });
    }
  });

  it('rounds to nearest what the inputs say nothing of, and leaves no tensor', () => {
    const w = matrix();
    const before = tf.memory().numTensors;
    const { values } = adaRound(w, new Gram(COLUMNS), perChannel(4));
    adaRound(w, Object.assign(new Gram(COLUMNS), { count: 1 }), perTensor(4), { steps: 3 });
    expect(tf.memory().numTensors).toBe(before);
    expect(values).toEqual(weightQuantizer(4, 'channel').quantize(tf.tensor2d(weight, [...shape])).values);
  });

  it('refuses what does not fit', () => {
    expect(() => adaRound(matrix(), gramOf(x()), perChannel(4), { steps: 0 })).toThrow('steps');
    expect(() => adaRound(matrix(), new Gram(3), perChannel(4))).toThrow('3 inputs');
  });
});

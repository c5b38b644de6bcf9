import { Random, type WeightQuantizer } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Gram } from '../gram.ts';
import { adaRound } from '../post-training/adaround.ts';
import { gptq } from '../post-training/gptq.ts';
import { LearnedStepQuantizer } from './learned-step.ts';
import { LevelGrid } from './level-grid.ts';
import { floatsOf, perChannel, perGroup, perTensor } from './weight-quantizers.ts';

beforeAll(() => tf.setBackend('cpu'));

/** Integers in sixteenths: products of them are exact in float32, so that the Gram matrix is exact too. */
function sixteenths(count: number, seed: number, scale: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => Math.round(16 * scale * random.normal()) / 16);
}

/** Inputs [tokens, columns] that depend on one another, as those of a model do. */
function inputs(tokens: number, columns: number): Float32Array {
  const shared = sixteenths(tokens, 1, 1);
  const own = sixteenths(tokens * columns, 2, 0.5);
  return own.map((value, i) => value + shared[Math.floor(i / columns)]!);
}

/** The squared error of each output over the tokens, in float64. */
function outputErrors(
  weight: Float32Array,
  rounded: Float32Array,
  x: Float32Array,
  columns: number,
): number[] {
  return Array.from({ length: weight.length / columns }, (_, row) => {
    let error = 0;
    for (let token = 0; token < x.length / columns; token++) {
      let difference = 0;
      for (let i = 0; i < columns; i++) {
        const at = row * columns + i;
        difference += (weight[at]! - rounded[at]!) * x[token * columns + i]!;
      }
      error += difference ** 2;
    }
    return error;
  });
}

/** As a plug-in's: each row's levels times a power of two. */
function levelQuantizer(name: string, bits: number, levels: readonly number[]): WeightQuantizer {
  const quantize: WeightQuantizer['quantize'] = (weight) => {
    const [rows, columns] = weight.shape as [number, number];
    const floats = weight.dataSync();
    const scales = Float32Array.from({ length: rows }, (_, row) => {
      const largest = Math.max(...floats.subarray(row * columns, (row + 1) * columns).map(Math.abs));
      return 2 ** Math.round(Math.log2(largest / levels.at(-1)!));
    });
    const values = Int8Array.from(floats, (value, i) => {
      const v = value / scales[Math.floor(i / columns)]!;
      return levels.reduce((best, level) => (Math.abs(level - v) < Math.abs(best - v) ? level : best));
    });
    return { bits, shape: [rows, columns], values, scales };
  };
  const fakeQuantize: WeightQuantizer['fakeQuantize'] = (weight) =>
    tf.tensor2d(floatsOf(quantize(weight)), weight.shape as [number, number]);
  return { name, bits, granularity: 'channel', levels, quantize, fakeQuantize };
}

const of = (quantizer: WeightQuantizer) => () => quantizer;
const learned = (bits: number, granularity: WeightQuantizer['granularity']) => (weight: tf.Tensor) => {
  const quantizer = new LearnedStepQuantizer(weight, bits, granularity);
  // Steps that training has moved.
  quantizer.steps.assign(quantizer.steps.mul(0.8) as tf.Tensor1D);
  return quantizer;
};

const quantizers: [string, (weight: tf.Tensor) => WeightQuantizer, number[]][] = [
  ['8 bits', of(perChannel(8)), Array.from({ length: 255 }, (_, i) => i - 127)],
  ['3 bits per tensor', of(perTensor(3)), [-3, -2, -1, 0, 1, 2, 3]],
  ['3 bits per group', of(perGroup(3, 8)), [-3, -2, -1, 0, 1, 2, 3]],
  ['ternary', of(perChannel(2)), [-1, 0, 1]],
  ['ternary per group', of(perGroup(2, 8)), [-1, 0, 1]],
  ['sign', of(perChannel(1)), [-1, 1]],
  ['sign per group', of(perGroup(1, 8)), [-1, 1]],
  ['learned steps', learned(4, 'channel'), Array.from({ length: 15 }, (_, i) => i - 7)],
  ['learned ternary steps per group', learned(2, { group: 8 }), [-1, 0, 1]],
  ['learned step per tensor', learned(3, 'tensor'), [-3, -2, -1, 0, 1, 2, 3]],
  ['2 bits without zero', of(levelQuantizer('signs', 2, [-1, 1])), [-1, 1]],
  ['powers of two', of(levelQuantizer('shifts', 4, [-4, -2, -1, 0, 1, 2, 4])), [-4, -2, -1, 0, 1, 2, 4]],
  ['asymmetric levels', of(levelQuantizer('skewed', 3, [-1, 0, 1, 2, 3])), [-1, 0, 1, 2, 3]],
];

const shapes = [
  [1, 8, 40],
  [6, 24, 100],
  [12, 64, 200],
  // Fewer tokens than columns: the Gram matrix has no inverse.
  [5, 32, 7],
] as const;

describe.each([
  ['gptq', gptq],
  [
    'gptq in the order of activations',
    (w: tf.Tensor, g: Gram, q: WeightQuantizer) => gptq(w, g, q, { activationOrder: true }),
  ],
  [
    'adaRound',
    (w: tf.Tensor, g: Gram, q: WeightQuantizer) => adaRound(w, g, q, { steps: 40, learningRate: 0.1 }),
  ],
] as const)('%s', (_, round) => {
  it.each(quantizers)("%s: rounds to the quantizer's own grid, no output worse", (_, make, levels) => {
    let [total, totalOwn] = [0, 0];
    for (const [rows, columns, tokens] of shapes) {
      const floats = sixteenths(rows * columns, 3, 4);
      // A row of zeros, and one of equal weights.
      if (rows > 4) floats.fill(0, 0, columns).fill(0.5, columns, 2 * columns);
      const weight = tf.tensor2d(floats, [rows, columns]);
      const quantizer = make(weight);
      const x = inputs(tokens, columns);
      const gram = new Gram(columns);
      gram.add(tf.tensor2d(x, [tokens, columns]));
      const own = quantizer.quantize(weight);
      const found = round(weight, gram, quantizer);
      expect(found).toEqual({ ...own, values: found.values });
      expect([...new Set(found.values)].filter((value) => !levels.includes(value))).toEqual([]);
      const errors = outputErrors(floats, floatsOf(found), x, columns);
      const size = own.groupSize ?? columns;
      const ties = new Set<number>();
      const nearest = floats.map((value, i) => {
        const scale = own.scales[Math.floor(i / size)]!;
        const distances = levels.map((level) => Math.abs(level * scale - value));
        const least = Math.min(...distances);
        if (scale > 0 && distances.indexOf(least) !== distances.lastIndexOf(least)) {
          ties.add(Math.floor(i / columns));
        }
        return levels[distances.indexOf(least)]! * scale;
      });
      const ownErrors = outputErrors(floats, floatsOf(own), x, columns);
      const nearestErrors = outputErrors(floats, nearest, x, columns);
      errors.forEach((error, row) => {
        // The floats that levels stand for are rounded to float32.
        expect(error).toBeLessThanOrEqual(ownErrors[row]! * (1 + 1e-6));
        // Of two levels that are equally near either may be taken.
        if (!ties.has(row)) expect(error).toBeLessThanOrEqual(nearestErrors[row]! * (1 + 1e-6));
        total += error;
        totalOwn += ownErrors[row]!;
      });
    }
    // Few steps of AdaRound do not help each quantizer.
    if (round === gptq) expect(total).toBeLessThan(totalOwn);
    else expect(total).toBeLessThanOrEqual(totalOwn);
  });

  it('refuses a quantizer that states no levels, or others than it has', () => {
    const weight = tf.tensor2d(sixteenths(4 * 8, 3, 4), [4, 8]);
    const gram = new Gram(8);
    gram.add(tf.tensor2d(inputs(9, 8), [9, 8]));
    const { levels: _, ...silent } = levelQuantizer('silent', 4, [-1, 0, 1]);
    expect(() => round(weight, gram, silent)).toThrow('"silent" does not state its levels');
    const wrong = { ...levelQuantizer('wrong', 4, [-4, 0, 4]), levels: [-1, 0, 1] };
    expect(() => round(weight, gram, wrong)).toThrow('"wrong" states the levels -1, 0, 1 but rounds to');
    for (const levels of [[1], [1, 0], [-9, 9], [0, 0.5], []]) {
      expect(() => round(weight, gram, { ...wrong, levels })).toThrow('ascending integers from -7 to 7');
    }
    const codes = new Uint8Array(16);
    const coded: WeightQuantizer = {
      ...perChannel(8),
      name: 'coded',
      quantize: (weight) => ({
        ...perChannel(8).quantize(weight),
        codebook: { blockSize: 2, entries: new Int8Array(2), codes },
      }),
    };
    expect(() => round(weight, gram, coded)).toThrow('"coded" makes a codebook');
  });
});

describe('LevelGrid', () => {
  it('finds the levels around a value', () => {
    const weight = tf.tensor2d([[4, -4]]);
    const grid = new LevelGrid(weight, levelQuantizer('shifts', 4, [-4, -2, -1, 0, 1, 2, 4]));
    const around = (value: number) => [grid.below(value), grid.above(value)];
    expect([-9, -4, -3.5, -2, 0, 0.25, 3, 4, 200, Infinity].map(around)).toEqual([
      [-4, -4],
      [-4, -2],
      [-4, -2],
      [-2, -1],
      [0, 1],
      [0, 1],
      [2, 4],
      [4, 4],
      [4, 4],
      [4, 4],
    ]);
    expect([-200, -2.9, 0.5, 1.5, 2.9, 3.1].map((value) => grid.nearest(value, 1))).toEqual([
      -4, -2, 0, 2, 2, 4,
    ]);
  });

  it('names the site of weights that are not finite', () => {
    expect(() => new LevelGrid(tf.tensor2d([[Number.NaN]]), perChannel(4), 'a.key')).toThrow('"a.key"');
  });
});

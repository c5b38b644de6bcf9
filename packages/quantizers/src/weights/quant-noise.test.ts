import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { gridForRange } from '../affine-grid.ts';
import { learnedStepQuantize } from './learned-step.ts';
import { constantShare, linearShare, quantNoise } from './quant-noise.ts';
import { perChannel } from './weight-quantizers.ts';

beforeAll(() => tf.setBackend('cpu'));

const random = new Random(2);
const values = Float32Array.from({ length: 64 * 40 }, () => random.normal());
const weight = () => tf.tensor2d(values, [64, 40]);
const quantizer = perChannel(4);

/** Which blocks of 8 lie on the grid, where float and quantized differ. */
function drawn(share: number, seed: number): boolean[] {
  const quantized = quantizer.fakeQuantize(weight());
  const mixed = quantNoise(weight(), quantized, { share, blockSize: 8, seed }).dataSync();
  const grid = quantized.dataSync();
  return Array.from({ length: (64 * 40) / 8 }, (_, block) => {
    const indices = Array.from({ length: 8 }, (_, i) => block * 8 + i);
    const onGrid = indices.every((i) => mixed[i] === grid[i]);
    // Never a mixture within a block, and never rescaled.
    if (!onGrid) expect(indices.map((i) => mixed[i])).toEqual(indices.map((i) => values[i]));
    return onGrid;
  });
}

describe('quantNoise', () => {
  it('draws whole blocks, as many as the share says, by the seed alone', () => {
    const count = (share: number, seed: number) => drawn(share, seed).filter(Boolean).length;
    // 320 blocks at p = .3: a standard deviation of 8.2.
    for (const seed of [1, 2, 3]) expect(Math.abs(count(0.3, seed) - 96)).toBeLessThan(33);
    expect(drawn(0.3, 5)).toEqual(drawn(0.3, 5));
    expect(drawn(0.3, 5)).not.toEqual(drawn(0.3, 6));
    expect(count(0, 1)).toBe(0);
    expect(count(1, 1)).toBe(320);
  });

  it('keeps what a smaller share drew', () => {
    const small = drawn(0.2, 9);
    const large = drawn(0.6, 9);
    expect(small.every((on, block) => !on || large[block])).toBe(true);
  });

  it('draws the blocks of a row by its place in the table, wherever it is gathered', () => {
    const ids = Int32Array.of(63, 0, 5, 63, 63, 17, 5);
    const gather = (x: tf.Tensor) => tf.gather(x, [...ids]);
    const quantized = quantizer.fakeQuantize(weight());
    for (const blockSize of [1, 8, 16, 40, 64]) {
      for (const share of [0, 0.3, 0.7, 1]) {
        const noise = { share, blockSize, seed: 11 };
        const rows = quantNoise(gather(weight()), gather(quantized), noise, ids);
        expect(rows.dataSync()).toEqual(gather(quantNoise(weight(), quantized, noise)).dataSync());
      }
    }
    expect(() =>
      quantNoise(weight(), quantized, { share: 0.5, blockSize: 8, seed: 1 }, Int32Array.of(3)),
    ).toThrow('1 row ids do not fit the 64 rows');
  });

  it('takes a last block that is shorter', () => {
    const quantized = quantizer.fakeQuantize(weight());
    const mixed = quantNoise(weight(), quantized, { share: 0.5, blockSize: 16, seed: 3 }).dataSync();
    const grid = quantized.dataSync();
    mixed.forEach((value, i) => {
      expect([values[i], grid[i]]).toContain(value);
    });
  });

  it('sends the gradient to the weight directly, or through its quantizer', () => {
    // A quantizer that clips: the gradient of what it clips is zero, but only where it was drawn.
    const step = tf.tensor1d([0.1]);
    const levels = { qMin: -4, qMax: 4 };
    const gradient = tf.grad((w: tf.Tensor) =>
      quantNoise(w, learnedStepQuantize(w, step, levels), { share: 0.5, blockSize: 8, seed: 4 }).sum(),
    )(weight());
    const mixed = quantNoise(weight(), learnedStepQuantize(weight(), step, levels), {
      share: 0.5,
      blockSize: 8,
      seed: 4,
    }).dataSync();
    const slope = gradient.dataSync();
    values.forEach((value, i) => {
      const isFloat = mixed[i] === value;
      expect(slope[i]).toBe(isFloat || Math.abs(value) < 0.4 ? 1 : 0);
    });
  });

  it('refuses an invalid share or block', () => {
    for (const noise of [
      { share: 1.1, blockSize: 8 },
      { share: -0.1, blockSize: 8 },
      { share: 0.5, blockSize: 0 },
    ]) {
      expect(() => quantNoise(weight(), weight(), { ...noise, seed: 1 })).toThrow(/share|block/);
    }
  });

  it('leaves no tensor behind', () => {
    const w = weight();
    const before = tf.memory().numTensors;
    for (let seed = 0; seed < 3; seed++) {
      const gradient = tf.grad((w: tf.Tensor) =>
        quantNoise(w, quantizer.fakeQuantize(w), { share: 0.5, blockSize: 8, seed }).sum(),
      );
      gradient(w).dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('the faults of fairseq that must not be here', () => {
  it('issue 3783: the noise overwrites the master weight', () => {
    const master = tf.variable(weight());
    for (let seed = 0; seed < 20; seed++) {
      quantNoise(master, quantizer.fakeQuantize(master), { share: 0.5, blockSize: 8, seed }).dataSync();
    }
    expect(master.dataSync()).toEqual(values);
    master.dispose();
  });

  it('issue 2968: at p = 1 a value is not quite quantized, at p = 0 not quite float, as the noise is clamped', () => {
    // Large values, which a clamp after the noise would catch.
    const large = tf.tensor2d(
      values.map((value) => 100 * value),
      [64, 40],
    );
    const quantized = quantizer.fakeQuantize(large);
    expect(quantNoise(large, quantized, { share: 1, blockSize: 8, seed: 1 }).dataSync()).toEqual(
      quantized.dataSync(),
    );
    expect(quantNoise(large, quantized, { share: 0, blockSize: 8, seed: 1 }).dataSync()).toEqual(
      large.dataSync(),
    );
  });

  it('issue 3295: scalar noise ruins a pretrained model, whose activations are larger than a fixed threshold', () => {
    // A layer with activations up to 60, as pretrained encoders have: noise of 8 bits must stay near its outputs.
    const x = tf.tensor2d(
      Float32Array.from({ length: 32 * 40 }, () => 20 * random.normal()),
      [32, 40],
    );
    const { min, max } = { min: x.min().dataSync()[0]!, max: x.max().dataSync()[0]! };
    const grid = gridForRange({ min, max });
    const onGrid = x.div(grid.scale).round().mul(grid.scale);
    const output = tf.matMul(x, weight(), false, true);
    for (const share of [0.1, 0.5, 1]) {
      const noisy = quantNoise(weight(), perChannel(8).fakeQuantize(weight()), {
        share,
        blockSize: 8,
        seed: 8,
      });
      const error = tf.matMul(onGrid as tf.Tensor2D, noisy as tf.Tensor2D, false, true).sub(output);
      const ratio = error.square().sum().div(output.square().sum()).dataSync()[0]!;
      expect(ratio).toBeLessThan(1e-3);
    }
  });
});

it('schedules go from share to share', () => {
  expect(constantShare(0.1)(5, 10)).toBe(0.1);
  const linear = linearShare(0.2, 1);
  expect(
    [linear(0, 11), linear(5, 11), linear(10, 11), linear(99, 11)].map((p) => Number(p.toFixed(12))),
  ).toEqual([0.2, 0.6, 1, 1]);
  expect(linear(0, 1)).toBe(1);
  expect(() => linearShare(0, 2)).toThrow('share 2');
  expect(() => constantShare(Number.NaN)).toThrow('share NaN');
});

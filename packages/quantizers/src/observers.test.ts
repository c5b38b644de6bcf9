import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createObserver, MinMaxObserver, MovingAverageObserver, PercentileObserver } from './observers.ts';

beforeAll(() => tf.setBackend('cpu'));

function normals(count: number, seed: number, scale = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

describe('MinMaxObserver', () => {
  it('holds all that it saw, and zero', () => {
    const observer = new MinMaxObserver();
    observer.observe(tf.tensor1d([2, 3]));
    expect(observer.range()).toEqual({ min: 0, max: 3 });
    observer.observe(tf.tensor1d([-1, 1]));
    expect(observer.range()).toEqual({ min: -1, max: 3 });
  });

  it('refuses what is not finite', () => {
    expect(() => new MinMaxObserver().observe(tf.tensor1d([1, Number.NaN]))).toThrow(/finite|NaN/);
  });
});

describe('MovingAverageObserver', () => {
  it('follows the definition', () => {
    const observer = new MovingAverageObserver(0.9, { min: -1, max: 1 });
    observer.observe(tf.tensor1d([-2, 3]));
    const { min, max } = observer.range();
    expect(min).toBeCloseTo(-1.1, 12);
    expect(max).toBeCloseTo(1.2, 12);
  });

  it('starts from the first batch', () => {
    const observer = new MovingAverageObserver();
    observer.observe(tf.tensor1d([-2, 3]));
    expect(observer.range()).toEqual({ min: -2, max: 3 });
  });
});

describe('PercentileObserver', () => {
  it('finds the percentiles of all the data to its resolution, whatever the order and scale of batches', () => {
    const batches = [normals(4000, 1, 0.01), normals(4000, 2), normals(4000, 3, 30), normals(4000, 4, 0.3)];
    const sorted = Float32Array.from(batches.flatMap((batch) => [...batch])).sort();
    const expected = { min: sorted[159]!, max: sorted[16_000 - 160]! };
    const ranges = [batches, [...batches].reverse()].map((order) => {
      const observer = new PercentileObserver(99);
      for (const batch of order) observer.observe(tf.tensor1d(batch));
      return observer.range();
    });
    expect(ranges[0]).toEqual(ranges[1]);
    const resolution = 128 / 2048;
    expect(Math.abs(ranges[0]!.min - expected.min)).toBeLessThanOrEqual(resolution + 1e-6);
    expect(Math.abs(ranges[0]!.max - expected.max)).toBeLessThanOrEqual(resolution + 1e-6);
  });

  it('clips an outlier, and at 100 keeps it', () => {
    const data = normals(100_000, 5);
    data[7] = 50;
    const [clipped, whole] = [99.99, 100].map((percentile) => {
      const observer = new PercentileObserver(percentile);
      observer.observe(tf.tensor1d(data));
      return observer.range();
    });
    expect(clipped!.max).toBeLessThan(6);
    expect(whole!.max).toBe(50);
  });

  it('takes zeros, and one-sided data', () => {
    const observer = new PercentileObserver();
    observer.observe(tf.zeros([10]));
    expect(observer.range()).toEqual({ min: 0, max: 0 });
    observer.observe(tf.tensor1d([4, 4, 4]));
    expect(observer.range()).toEqual({ min: 0, max: 4 });
  });
});

it('names the observers when one is unknown', () => {
  expect(() => createObserver('entropyy')).toThrow('choose one of min-max, percentile');
});

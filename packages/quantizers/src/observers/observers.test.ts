import { readFileSync } from 'node:fs';
import { hash32, type Observer, Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { gridForRange } from '../affine-grid.ts';
import { EntropyObserver } from './entropy-observer.ts';
import { MinMaxObserver } from './min-max-observer.ts';
import { MovingAverageObserver } from './moving-average-observer.ts';
import { MseObserver } from './mse-observer.ts';
import { createObserver, type ObserverName, observerFrom, observers } from './observers.ts';
import { PercentileObserver } from './percentile-observer.ts';

beforeAll(() => tf.setBackend('cpu'));

const names = Object.keys(observers) as ObserverName[];

function normals(count: number, seed: number, scale = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

function shown(observer: Observer, batches: readonly Float32Array[]): Observer {
  for (const batch of batches) observer.observe(tf.tensor1d(batch));
  return observer;
}

describe.each(names)('%s', (name) => {
  it('names the site of NaN, infinity and nothing', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => createObserver(name).observe(tf.tensor1d([1, bad]), 'a.query')).toThrow('"a.query"');
    }
    expect(() => createObserver(name).observe(tf.tensor1d([]), 'a.query')).toThrow('"a.query"');
    expect(() => createObserver(name).range()).toThrow('no data');
  });

  it('takes zeros, equal values, denormals and huge ones', () => {
    expect(shown(createObserver(name), [new Float32Array(9)]).range()).toEqual({ min: 0, max: 0 });
    const equal = shown(createObserver(name), [new Float32Array(9).fill(4)]).range();
    expect(equal.min).toBe(0);
    expect(equal.max).toBeGreaterThan(name === 'mse' ? 3.9 : 3.99);
    expect(equal.max).toBeLessThanOrEqual(4);
    for (const value of [1e-45, 3e38]) {
      const { min, max } = shown(createObserver(name), [Float32Array.of(-value, value)]).range();
      expect(min).toBeLessThanOrEqual(0);
      expect(max).toBeLessThanOrEqual(Math.fround(value) * 1.01);
      expect(max).toBeGreaterThan(0.9 * Math.fround(value));
    }
  });

  it('goes on from what was written down', () => {
    const batches = [normals(500, 1), normals(500, 2, 9), new Float32Array(3)];
    const whole = shown(createObserver(name), batches);
    const half = shown(createObserver(name), batches.slice(0, 1));
    const read = observerFrom(JSON.parse(JSON.stringify(half)));
    expect(shown(read, batches.slice(1)).range()).toEqual(whole.range());
    expect(observerFrom(JSON.parse(JSON.stringify(createObserver(name)))).toJSON()).toEqual(
      createObserver(name).toJSON(),
    );
  });

  it('merges to the same range in any order', () => {
    const random = new Random(7);
    for (let trial = 0; trial < 10; trial++) {
      // Batches of all sizes and magnitudes, and some of zeros.
      const parts = Array.from({ length: 5 }, (_, i) =>
        normals(
          1 + random.below(400),
          100 * trial + i,
          random.below(4) === 0 ? 0 : 10 ** (random.below(9) - 4),
        ),
      );
      const ranges = Array.from({ length: 4 }, () => {
        const observers = [...random.permutation(5)].map((i) => shown(createObserver(name), [parts[i]!]));
        // A random tree of merges.
        while (observers.length > 1) {
          const [taken] = observers.splice(random.below(observers.length), 1);
          observers[random.below(observers.length)]!.merge(taken!);
        }
        return observers[0]!.range();
      });
      for (const range of ranges) {
        if (name === 'moving-average') {
          expect(range.min).toBeCloseTo(ranges[0]!.min, 6);
          expect(range.max).toBeCloseTo(ranges[0]!.max, 6);
          continue;
        }
        expect(range).toEqual(ranges[0]);
        // And to the range of one observer that saw it all.
        expect(range).toEqual(shown(createObserver(name), parts).range());
      }
    }
  });

  it('refuses to take in an observer of another kind', () => {
    const other = createObserver(name === 'mse' ? 'entropy' : 'mse');
    expect(() => createObserver(name).merge(other)).toThrow('cannot take in');
  });
});

it('merging leaves the other as it was', () => {
  const [a, b] = [
    shown(new PercentileObserver(), [normals(9, 1, 100)]),
    shown(new PercentileObserver(), [normals(9, 2)]),
  ];
  const before = JSON.stringify(b);
  a.merge(b);
  expect(JSON.stringify(b)).toBe(before);
});

it('MinMaxObserver holds all that it saw, and zero', () => {
  const observer = shown(new MinMaxObserver(), [Float32Array.of(2, 3)]);
  expect(observer.range()).toEqual({ min: 0, max: 3 });
  expect(shown(observer, [Float32Array.of(-1, 1)]).range()).toEqual({ min: -1, max: 3 });
});

describe('MovingAverageObserver', () => {
  it('follows the definition', () => {
    const { min, max } = shown(new MovingAverageObserver(0.9, { min: -1, max: 1 }), [
      Float32Array.of(-2, 3),
    ]).range();
    expect(min).toBeCloseTo(-1.1, 12);
    expect(max).toBeCloseTo(1.2, 12);
  });

  it('starts from the first batch', () => {
    expect(shown(new MovingAverageObserver(), [Float32Array.of(-2, 3)]).range()).toEqual({ min: -2, max: 3 });
  });
});

describe('PercentileObserver', () => {
  it('finds the percentiles of all the data to its resolution', () => {
    const batches = [normals(4000, 1, 0.01), normals(4000, 2), normals(4000, 3, 30), normals(4000, 4, 0.3)];
    const sorted = Float32Array.from(batches.flatMap((batch) => [...batch])).sort();
    const range = shown(new PercentileObserver(99), batches).range();
    const resolution = 128 / 2048;
    expect(Math.abs(range.min - sorted[159]!)).toBeLessThanOrEqual(resolution + 1e-6);
    expect(Math.abs(range.max - sorted[16_000 - 160]!)).toBeLessThanOrEqual(resolution + 1e-6);
  });

  it('clips an outlier, and at 100 keeps it', () => {
    const data = normals(100_000, 5);
    data[7] = 50;
    const [clipped, whole] = [99.99, 100].map((p) => shown(new PercentileObserver(p), [data]).range());
    expect(clipped!.max).toBeLessThan(6);
    expect(whole!.max).toBe(50);
  });
});

interface Oracle {
  readonly batches: number;
  readonly perBatch: number;
  readonly cases: readonly {
    readonly name: string;
    readonly sum: number;
    readonly entropy: {
      /** By scipy, on the same histogram. */
      readonly threshold: number;
      readonly divergence: number;
      /** What the library chose, and the divergence there. */
      readonly onnxruntime: { readonly threshold: number; readonly divergence: number };
    };
    readonly mse: Readonly<Record<string, { readonly scale: number; readonly zeroPoint: number }>>;
  }[];
}

describe('against other libraries on the same tensors', () => {
  const oracle = JSON.parse(
    readFileSync(new URL('../../test/oracles/calibrators.json', import.meta.url), 'utf8'),
  ) as Oracle;
  const count = oracle.batches * oracle.perBatch;

  /** The tensors that the oracle maker drew. */
  function draw(name: string, seed: number): Float32Array[] {
    const u = Array.from({ length: 2 * count }, (_, i) => hash32(seed, i) / 2 ** 32);
    const value = (i: number) => {
      const normal =
        Math.sqrt(-2 * Math.log((u[i]! * 2 ** 32 + 1) / (2 ** 32 + 1))) *
        Math.cos(2 * Math.PI * u[count + i]!);
      if (name === 'laplace') return Math.sign(u[i]! - 0.5) * Math.log(1 - 2 * Math.abs(u[i]! - 0.5) + 1e-9);
      if (name === 'gelu') return gelu(2 * normal);
      if (name === 'steps') return (Math.floor(16 * normal) + 0.4) / 16;
      return name === 'outliers' && u[count + i]! > 0.998 ? 8 * normal : normal;
    };
    const all = Float32Array.from({ length: count }, (_, i) => value(i));
    all[0] = 2 ** Math.ceil(Math.log2(all.reduce((a, b) => Math.max(a, Math.abs(b)), 0))) * (1 - 2 ** -23);
    return Array.from({ length: oracle.batches }, (_, i) =>
      all.subarray(i * oracle.perBatch, (i + 1) * oracle.perBatch),
    );
  }

  function gelu(x: number): number {
    return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  }

  function squaredError(
    batches: readonly Float32Array[],
    grid: { scale: number; zeroPoint: number },
    bits: number,
  ) {
    let sum = 0;
    for (const value of batches.flatMap((batch) => [...batch])) {
      const q = Math.max(0, Math.min(2 ** bits - 1, Math.round(value / grid.scale) + grid.zeroPoint));
      sum += (value - (q - grid.zeroPoint) * grid.scale) ** 2;
    }
    return sum / count;
  }

  it.each(oracle.cases.map((one, i) => [one.name, i] as const))('%s', (name, i) => {
    const { sum, entropy, mse } = oracle.cases[i]!;
    const batches = draw(name, i + 1);
    expect(Math.abs(batches.flatMap((batch) => [...batch]).reduce((a, b) => a + b, 0) - sum)).toBeLessThan(
      0.01,
    );
    for (const [key, grid] of Object.entries(mse)) {
      const bits = Number(key);
      const ours = squaredError(
        batches,
        gridForRange(shown(new MseObserver(bits), batches).range(), bits),
        bits,
      );
      const theirs = squaredError(batches, grid, bits);
      expect(ours, `${bits} bits: ${ours} against ${theirs}`).toBeLessThanOrEqual(1.01 * theirs);
    }
    const range = shown(new EntropyObserver(), batches).range();
    // Within one bin: a value on an edge may fall to either side.
    expect(Math.abs(Math.max(-range.min, range.max) - entropy.threshold)).toBeLessThanOrEqual(
      1.01 * (2 ** Math.ceil(Math.log2(Math.max(...batches[0]!))) / 2048),
    );
    expect(entropy.divergence).toBeLessThanOrEqual(entropy.onnxruntime.divergence);
  });
});

it('lists the observers when one is unknown, and refuses what no observer wrote', () => {
  expect(() => createObserver('entropyy')).toThrow(
    'choose one of min-max, moving-average, percentile, mse, entropy',
  );
  expect(() => observerFrom({ name: 'mse', bits: 8 })).toThrow('no state of an observer "mse"');
});

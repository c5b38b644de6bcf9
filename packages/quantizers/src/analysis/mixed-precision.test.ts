import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { float, run, tinyBatches, tinyEncoder } from '../../test/tiny-encoder.ts';
import { resolvePlan, sitesOf } from '../plan/plan.ts';
import { perChannel, storedBytes } from '../weights/weight-quantizers.ts';
import {
  chooseBits,
  measureOptions,
  mixedPrecisionPlan,
  type SiteOption,
  type SiteOptions,
} from './mixed-precision.ts';

beforeAll(() => tf.setBackend('cpu'));

const candidates = [8, 4, 2].map(perChannel);
const outputs = (parameters: ReadonlyMap<string, tf.Tensor>, x: tf.Tensor) =>
  run(float, parameters, x, 'post-norm');

describe('measureOptions', () => {
  it('gives the bytes, and the relative squared error with one weight quantized', async () => {
    const model = tinyEncoder('post-norm');
    const { parameters } = model;
    const batches = tinyBatches(2);
    const before = tf.memory().numTensors;
    const measured = await measureOptions(model, batches, candidates);
    expect(tf.memory().numTensors).toBe(before);
    expect([...measured.keys()]).toEqual(sitesOf(parameters));
    const [eight, four, two] = measured.get('b.up')!;
    expect(four!.bytes).toBe(storedBytes([64, 32], 4, 'channel'));
    const changed = new Map(parameters).set(
      'b.up.weight',
      perChannel(4).fakeQuantize(parameters.get('b.up.weight')!),
    );
    let [moved, whole] = [0, 0];
    for (const x of batches) {
      const [a, b] = [outputs(changed, x).dataSync(), outputs(parameters, x).dataSync()];
      a.forEach((value, i) => {
        moved += (value - b[i]!) ** 2;
        whole += b[i]! ** 2;
      });
    }
    expect(four!.error / (moved / whole)).toBeCloseTo(1, 4);
    expect(eight!.error).toBeLessThan(four!.error);
    expect(four!.error).toBeLessThan(two!.error);
  });

  it('refuses no batches, and logits that are not finite', async () => {
    const model = tinyEncoder('post-norm');
    await expect(measureOptions(model, [], candidates)).rejects.toThrow('no batches');
    const nan = tf.fill([2, 32], Number.NaN);
    const before = tf.memory().numTensors;
    await expect(measureOptions(model, [nan], candidates)).rejects.toThrow('"a.gate"');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('chooseBits', () => {
  const random = new Random(1);

  /** Options whose error falls with the bytes, by ever less. */
  function draw(sites: number): SiteOptions {
    return new Map(
      Array.from({ length: sites }, (_, i) => {
        const [size, weakness] = [1 + random.below(9), random.uniform()];
        const option = (bits: number): SiteOption => ({
          weight: perChannel(bits),
          bytes: size * bits,
          error: weakness * 4 ** -bits * (1 + 0.2 * random.uniform()),
        });
        return [`site${i}`, [8, 4, 3, 2].map(option)] as const;
      }),
    );
  }

  function cost(measured: SiteOptions, chosen: readonly number[]): { bytes: number; error: number } {
    let [bytes, error] = [0, 0];
    [...measured.values()].forEach((options, i) => {
      bytes += options[chosen[i]!]!.bytes;
      error += options[chosen[i]!]!.error;
    });
    return { bytes, error };
  }

  it('is near the best of all choices, and within the budget', () => {
    for (let trial = 0; trial < 30; trial++) {
      const measured = draw(5);
      const cheapest = cost(measured, [3, 3, 3, 3, 3]).bytes;
      const dearest = cost(measured, [0, 0, 0, 0, 0]).bytes;
      const budget = Math.round(cheapest + random.uniform() * (dearest - cheapest));
      let best = Infinity;
      for (let code = 0; code < 4 ** 5; code++) {
        const { bytes, error } = cost(
          measured,
          Array.from({ length: 5 }, (_, i) => (code >> (2 * i)) & 3),
        );
        if (bytes <= budget) best = Math.min(best, error);
      }
      const chosen = chooseBits(measured, budget);
      const indices = [...measured].map(([site, options]) =>
        options.findIndex(({ weight }) => weight === chosen.get(site)),
      );
      const found = cost(measured, indices);
      expect(found.bytes).toBeLessThanOrEqual(budget);
      // The greedy choice misses the best by one site's last step at most; with five sites that is not little.
      const steps = [...measured.values()].map((options) => options[3]!.error);
      expect(found.error).toBeLessThanOrEqual(best + Math.max(...steps));
      if (budget === dearest) expect(found.error).toBe(best);
    }
  });

  it('takes the least error when all fits, the fewest bytes when nothing else does, and says when even those do not', () => {
    const measured = draw(4);
    const sum = (i: number) => cost(measured, [i, i, i, i]).bytes;
    expect([...chooseBits(measured, sum(0)).values()].map(({ bits }) => bits)).toEqual([8, 8, 8, 8]);
    expect([...chooseBits(measured, sum(3)).values()].map(({ bits }) => bits)).toEqual([2, 2, 2, 2]);
    expect(() => chooseBits(measured, sum(3) - 1)).toThrow(`need at least ${sum(3)}`);
    expect(() => chooseBits(measured, Number.NaN)).toThrow('too small');
  });

  it('steps over an option that mixtures of others beat, unless the rest of the budget buys nothing better', () => {
    const options = [8, 4, 2].map((bits, i) => ({
      weight: perChannel(bits),
      bytes: bits,
      error: [0, 9, 10][i]!,
    }));
    expect(chooseBits(new Map([['a', options]]), 7).get('a')!.bits).toBe(4);
    expect(chooseBits(new Map([['a', options]]), 8).get('a')!.bits).toBe(8);
    expect(chooseBits(new Map([['a', options]]), 3).get('a')!.bits).toBe(2);
  });
});

it('mixedPrecisionPlan keeps what the base says of inputs', () => {
  const chosen = new Map([
    ['a.up', perChannel(4)],
    ['b.up', perChannel(8)],
  ]);
  const plan = mixedPrecisionPlan(chosen, [
    { match: 'a.*', activationBits: 8, activationScheme: 'per-token' },
    { match: '**', weight: perChannel(2) },
  ]);
  const resolved = resolvePlan(plan, ['a.up', 'b.up']);
  expect(resolved.get('a.up')).toMatchObject({ activationBits: 8, activationScheme: 'per-token' });
  expect(resolved.get('a.up')!.weight!.bits).toBe(4);
  expect(resolved.get('b.up')!.weight!.bits).toBe(8);
  expect(resolved.get('b.up')!.activationBits).toBeUndefined();
});

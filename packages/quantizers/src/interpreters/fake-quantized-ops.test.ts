import type { AffineGrid, EncoderOps } from '@sdq/core';
import { familyOf } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { gridForRange } from '../affine-grid.ts';
import { MinMaxObserver } from '../observers/min-max-observer.ts';
import { MovingAverageObserver } from '../observers/moving-average-observer.ts';
import { createPlan, resolvePlan } from '../plan/plan.ts';
import { LearnedStepQuantizer } from '../weights/learned-step.ts';
import { fakeQuantizePerToken } from '../weights/per-token.ts';
import { perChannel, perGroup, perTensor } from '../weights/weight-quantizers.ts';
import { FakeQuantizedOps } from './fake-quantized-ops.ts';
import { ObservingOps } from './observing-ops.ts';

beforeAll(() => tf.setBackend('cpu'));

/** The two operations that quantization touches, in plain ops. */
const float = {
  linear: (_site, x, weight, bias) =>
    tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D, false, true), bias),
  embed: (_site, ids, table) => tf.gather(table, [...ids]),
} as Partial<EncoderOps<tf.Tensor>> as EncoderOps<tf.Tensor>;

const plan = resolvePlan(
  createPlan('w8a8'),
  ['embeddings.word_embeddings', 'a.query', 'a.key'],
  familyOf('bert').roleOf,
);
const x = tf.tensor2d([-0.3, 0.12, 0.5, 1.2], [2, 2]);
const weight = tf.tensor2d([0.9, -0.4, 0.033, 0.7, 0.2, 0.12], [3, 2]);
const bias = tf.tensor1d([0.1, 0.2, 0.3]);

function onGrid(value: number, { scale, zeroPoint, qMin, qMax }: AffineGrid): number {
  return (Math.min(qMax, Math.max(qMin, Math.round(value / scale) + zeroPoint)) - zeroPoint) * scale;
}

it('is the float product of values on their grids', () => {
  const grid = gridForRange({ min: -0.3, max: 1 });
  const ops = new FakeQuantizedOps(float, plan, { grids: new Map([['a.query', grid]]) });
  const actual = ops.linear('a.query', x, weight, bias).dataSync();
  const xs = [...x.dataSync()].map((value) => onGrid(value, grid));
  const ws = [...weight.dataSync()].map((value, i, all) => {
    const row = i - (i % 2);
    const scale = Math.max(Math.abs(all[row]!), Math.abs(all[row + 1]!)) / 127;
    return Math.round(value / scale) * scale;
  });
  const biases = bias.dataSync();
  for (let row = 0; row < 2; row++) {
    for (let out = 0; out < 3; out++) {
      const expected = xs[row * 2]! * ws[out * 2]! + xs[row * 2 + 1]! * ws[out * 2 + 1]! + biases[out]!;
      expect(actual[row * 3 + out]).toBeCloseTo(expected, 6);
    }
  }
});

it('computes the product of per-channel weights as the composition does, with its gradients', () => {
  const grid = gridForRange({ min: -0.3, max: 1 });
  const grids = new Map([['a.query', grid]]);
  const composed = new Map(
    [...plan].map(([site, rule]) => {
      const { linear: _, ...quantizer } = rule.weight!;
      return [site, { ...rule, weight: quantizer }] as const;
    }),
  );
  const [fused, plain] = [plan, composed].map((plan) => {
    const ops = new FakeQuantizedOps(float, plan, { grids });
    const run = (...[x, weight, bias]: tf.Tensor[]) => ops.linear('a.query', x!, weight!, bias!);
    const slopes = tf.grads((...inputs: tf.Tensor[]) =>
      run(...inputs)
        .square()
        .sum(),
    )([x, weight, bias]);
    return [run(x, weight, bias), ...slopes].map((tensor) => [...tensor.dataSync()]);
  });
  for (const [i, values] of fused!.entries()) {
    for (const [j, value] of values.entries()) expect(value).toBeCloseTo(plain![i]![j]!, 5);
  }
});

it('rounds the rows that an embedding looks up as it would the whole table', () => {
  const ops = new FakeQuantizedOps(float, plan, { grids: new Map() });
  const rows = ops.embed('embeddings.word_embeddings', Int32Array.of(2, 0), weight);
  const table = plan.get('embeddings.word_embeddings')!.weight!.fakeQuantize(weight);
  expect([...rows.dataSync()]).toEqual([...tf.gather(table, [2, 0]).dataSync()]);
});

it('learns ranges in training, and leaves them alone otherwise', () => {
  const grids = new Map<string, AffineGrid>();
  const observers = new Map([['a.query', new MovingAverageObserver(0.9, { min: 0, max: 1 })]]);
  new FakeQuantizedOps(float, plan, { grids, observers }).linear('a.query', x, weight, bias);
  const trained = grids.get('a.query')!;
  expect(trained).toEqual(gridForRange(observers.get('a.query')!.range()));
  new FakeQuantizedOps(float, plan, { grids }).linear('a.query', x.mul(100), weight, bias);
  expect(grids.get('a.query')).toBe(trained);
});

it('puts the input of a token-wise site on a grid a token, and needs none for it', () => {
  const tokenwise = resolvePlan(
    [{ match: '**', weight: perChannel(8), activationBits: 4, activationScheme: 'per-token' }],
    ['a.query'],
  );
  const ops = new FakeQuantizedOps(float, tokenwise, { grids: new Map(), weightsAreQuantized: true });
  const expected = float.linear('a.query', fakeQuantizePerToken(x, 4), weight, bias);
  expect([...ops.linear('a.query', x, weight, bias).dataSync()]).toEqual([...expected.dataSync()]);
});

it('quantizes a share of a weight under noise, drawn for each site anew, and all of it at p = 1', () => {
  const wide = tf.randomNormal([32, 64], 0, 1, 'float32', 5);
  const identity = tf.eye(64);
  const run = (site: string, share: number) => {
    const noise = { share, blockSize: 8, seed: 1 };
    const ops = new FakeQuantizedOps(float, weightsOnly, { grids: new Map(), noise });
    return ops
      .linear(site, identity, wide, tf.zeros([32]))
      .transpose()
      .dataSync();
  };
  const weightsOnly = resolvePlan([{ match: '**', weight: perChannel(2) }], ['a.query', 'a.key']);
  const values = wide.dataSync();
  const quantized = perChannel(2).fakeQuantize(wide).dataSync();
  const kept = (site: string) => [...run(site, 0.5)].map((value, i) => value === values[i]);
  expect(kept('a.query')).not.toEqual(kept('a.key'));
  expect(kept('a.query')).toEqual(kept('a.query'));
  expect([...run('a.query', 1)]).toEqual([...quantized]);
  expect([...run('a.query', 0)]).toEqual([...values]);
});

it('gives a word the same noise wherever it stands: that of its row in the whole table', () => {
  const site = 'embeddings.word_embeddings';
  const table = tf.randomNormal([40, 24], 0, 1, 'float32', 8);
  const learned = new LearnedStepQuantizer(table, 3, { group: 8 });
  const ids = Int32Array.of(39, 3, 3, 0, 17, 39, 3);
  const [rowIds, local] = [Int32Array.of(39, 3, 0, 17), Int32Array.of(0, 1, 1, 2, 3, 0, 1)];
  const quantizers = [perChannel(8), perChannel(2), perChannel(1), perGroup(4, 8), perTensor(3), learned];
  for (const weight of quantizers) {
    const noisy = resolvePlan([{ match: '**', weight }], [site]);
    const options = { grids: new Map(), noise: { share: 0.5, blockSize: 5, seed: 4 } };
    const ops = new FakeQuantizedOps(float, noisy, options);
    const expected = tf.gather(ops.weight(site, table), [...ids]).dataSync();
    expect(ops.embed(site, ids, table).dataSync()).toEqual(expected);
    // One scale for the whole table, or a step for each of its rows, need the whole table.
    if (weight.granularity === 'tensor' || weight === learned) continue;
    const tableRows = new Map([[site, rowIds]]);
    const compacted = new FakeQuantizedOps(float, noisy, { ...options, tableRows });
    const rows = tf.gather(table, [...rowIds]);
    expect(compacted.embed(site, local, rows).dataSync()).toEqual(expected);
  }
  const few = new FakeQuantizedOps(float, resolvePlan([{ match: '**', weight: learned }], [site]), {
    grids: new Map(),
  });
  expect(() => few.embed(site, Int32Array.of(0), tf.ones([2, 24]))).toThrow(
    `"${site}" are for a weight [40,24], not [2,24]`,
  );
  learned.dispose();
});

it('rounds inputs by learned steps, and trains them', () => {
  const step = tf.tensor1d([0.25]);
  const gradient = tf.grad((step: tf.Tensor) => {
    const ops = new FakeQuantizedOps(float, plan, {
      grids: new Map(),
      inputSteps: new Map([['a.query', step]]),
    });
    return ops.linear('a.query', x, weight, bias).sum();
  })(step);
  expect(gradient.shape).toEqual([1]);
  expect(Math.abs(gradient.dataSync()[0]!)).toBeGreaterThan(0);
});

it('rounds a table with one scale as a whole', () => {
  const whole = resolvePlan([{ match: '**', weight: perTensor(4) }], ['embeddings.word_embeddings']);
  const ops = new FakeQuantizedOps(float, whole, { grids: new Map() });
  const rows = ops.embed('embeddings.word_embeddings', Int32Array.of(2), weight);
  expect([...rows.dataSync()]).toEqual([...tf.gather(perTensor(4).fakeQuantize(weight), [2]).dataSync()]);
});

it('names the site that has no grid', () => {
  const ops = new FakeQuantizedOps(float, plan, { grids: new Map() });
  expect(() => ops.linear('a.query', x, weight, bias)).toThrow('"a.query" has no activation grid');
});

it('calibration sees the float inputs of the planned linears', () => {
  const observing = new ObservingOps(float, plan, () => new MinMaxObserver());
  expect([...observing.observers.keys()]).toEqual(['a.query', 'a.key']);
  expect(() => observing.ranges()).toThrow('No calibration batch reached "a.query"');
  observing.linear('a.query', x, weight, bias);
  // No batch has reached a.key, so it has no range.
  expect([...observing.ranges()]).toEqual([['a.query', { min: Math.fround(-0.3), max: Math.fround(1.2) }]]);
  expect(() => observing.linear('a.key', tf.tensor2d([[Number.NaN, 1]]), weight, bias)).toThrow('"a.key"');
});

import type { EncoderOps, Site } from '@sdq/core';
import { fakeQuantize } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { float, run, tinyBatches, tinyEncoder } from '../../test/tiny-encoder.ts';
import { gridForRange } from '../affine-grid.ts';
import { SmoothedOps } from '../interpreters/smooth-quant.ts';
import { ListeningOps } from '../interpreters/tracing-ops.ts';
import { WrappedOps } from '../interpreters/wrapped-ops.ts';
import { createObserver, type ObserverName, observers } from '../observers/observers.ts';
import { type Plan, sitesOf } from '../plan/plan.ts';
import { fakeQuantizePerToken } from '../weights/per-token.ts';
import { dequantizeRows, perChannel, perGroup } from '../weights/weight-quantizers.ts';
import { type PostTrainingOptions, type PostTrainingResult, quantize } from './post-training.ts';

beforeAll(() => tf.setBackend('cpu'));

type Kind = 'post-norm' | 'pre-norm';
const w = (bits: number): Plan => [{ match: '**', weight: perChannel(bits) }];
const wa = (bits: number): Plan => [{ match: '**', weight: perChannel(bits), activationBits: 8 }];

/** What the finished model computes: integers dequantized, inputs on their grids. */
class Finished extends WrappedOps {
  constructor(private readonly result: PostTrainingResult) {
    super(float);
  }

  override linear(site: Site, x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    const grid = this.result.grids.get(site);
    const bits = this.result.perToken.get(site);
    const input = grid ? fakeQuantize(x, grid, site) : bits ? fakeQuantizePerToken(x, bits) : x;
    return super.linear(site, input, weight, bias);
  }
}

function finished(kind: Kind, result: PostTrainingResult, x: tf.Tensor): tf.Tensor {
  const parameters = new Map([...tinyEncoder(kind).parameters, ...result.changed]);
  for (const [name, rows] of result.weights) parameters.set(name, dequantizeRows(rows));
  const ops: EncoderOps<tf.Tensor> = new SmoothedOps(new Finished(result), result.divisors);
  return run(ops, parameters, x, kind);
}

/** The squared error of the outputs, relative to their square, on text that calibration did not see. */
async function error(kind: Kind, plan: Plan, options: PostTrainingOptions = {}): Promise<number> {
  const model = tinyEncoder(kind);
  const result = await quantize(model, tinyBatches(6), plan, options);
  const x = tinyBatches(7)[6]!;
  const expected = run(float, model.parameters, x, kind);
  return finished(kind, result, x).sub(expected).square().sum().div(expected.square().sum()).dataSync()[0]!;
}

describe('quantize', () => {
  it.each(Object.keys(observers) as ObserverName[])(
    'static, by %s: the grids are those of the observer',
    async (observer) => {
      const model = tinyEncoder('post-norm');
      const batches = tinyBatches(3);
      const { grids, weights, changed, divisors } = await quantize(model, batches, wa(8), { observer });
      expect([...grids.keys()]).toEqual(['a.gate', 'a.up', 'a.down', 'b.gate', 'b.up', 'b.down']);
      const direct = createObserver(observer);
      const listening = new ListeningOps(float, (site, x) => {
        if (site === 'b.down') direct.observe(x);
      });
      for (const batch of batches) run(listening, model.parameters, batch, 'post-norm');
      expect(grids.get('b.down')).toEqual(gridForRange(direct.range()));
      expect(weights.get('b.up.weight')).toEqual(
        perChannel(8).quantize(model.parameters.get('b.up.weight')!),
      );
      expect([changed.size, divisors.size]).toEqual([0, 0]);
      expect(await error('post-norm', wa(8), { observer })).toBeLessThan(0.02);
    },
  );

  it('dynamic: names the bits of each token-wise input, and needs no range', async () => {
    const plan: Plan = [
      { match: '**', weight: perChannel(8), activationBits: 8, activationScheme: 'per-token' },
    ];
    const { grids, perToken } = await quantize(tinyEncoder('post-norm'), tinyBatches(1), plan);
    expect(grids.size).toBe(0);
    expect(perToken.get('a.up')).toBe(8);
    expect(await error('post-norm', plan)).toBeLessThan(await error('post-norm', wa(8)));
  });

  it.each([
    ['gptq', 4],
    ['gptq', 2],
    ['adaround', 4],
    ['adaround', 3],
  ] as const)(
    '%s at %i bits: outputs nearer to the float model than rounding to nearest',
    async (rounding, bits) => {
      const nearest = await error('post-norm', w(bits));
      expect(await error('post-norm', w(bits), { rounding })).toBeLessThan(nearest);
    },
  );

  it.each(['gptq', 'adaround'] as const)('%s refuses a grid that it does not know', async (rounding) => {
    const { levels: _, ...silent } = perChannel(4);
    const plan: Plan = [
      { match: 'a.*', weight: perChannel(4) },
      { match: 'b.*', weight: { ...silent, name: 'silent' } },
    ];
    const [model, batches] = [tinyEncoder('post-norm'), tinyBatches(1)];
    const before = tf.memory().numTensors;
    await expect(quantize(model, batches, plan, { rounding })).rejects.toThrow(
      'The quantizer "silent" of "b.gate" does not state its levels',
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gptq in groups, a layer a pass, with the order of activations', async () => {
    const plan: Plan = [{ match: '**', weight: perGroup(3, 16) }];
    const options = {
      rounding: 'gptq',
      gptq: { activationOrder: true, damping: 0.02 },
      gramBytes: 1,
    } as const;
    expect(await error('pre-norm', plan, options)).toBeLessThan(await error('pre-norm', plan));
  });

  it.each(['post-norm', 'pre-norm'] as const)(
    'SmoothQuant of a %s encoder: less error, same function',
    async (kind) => {
      const plain = await error(kind, wa(8));
      for (const alpha of ['search', 0.5] as const) {
        expect(await error(kind, wa(8), { smoothQuant: { alpha } })).toBeLessThan(
          alpha === 'search' ? 0.6 * plain : plain,
        );
      }
      const result = await quantize(tinyEncoder(kind), tinyBatches(2), wa(8), {
        smoothQuant: { alpha: 0.5 },
      });
      // Before a LayerNorm that feeds linears alone the divisors are in the LayerNorm; inputs made by GELU keep theirs.
      const folded = kind === 'pre-norm';
      expect(result.changed.has('a.norm.weight')).toBe(folded);
      expect(result.divisors.has('a.gate')).toBe(!folded);
      expect(result.divisors.get('b.up')).toBe(result.divisors.get('b.gate'));
      expect(result.divisors.has('a.down')).toBe(true);
    },
  );

  it('bias correction: the mean of each linear is that of the float model', async () => {
    const model = tinyEncoder('post-norm');
    const batches = tinyBatches(4);
    const plan: Plan = [{ match: 'a.up', weight: perChannel(2), activationBits: 4 }];
    const meanOf = (result: PostTrainingResult) => {
      const sums = batches.map((batch) =>
        tf.tidy(() => {
          const x = float.layerNorm(
            '',
            batch,
            model.parameters.get('norm.weight')!,
            model.parameters.get('norm.bias')!,
            1e-5,
          );
          const ops = new Finished(result);
          const bias = result.changed.get('a.up.bias') ?? model.parameters.get('a.up.bias')!;
          const rounded = ops.linear('a.up', x, dequantizeRows(result.weights.get('a.up.weight')!), bias);
          const expected = float.linear(
            '',
            x,
            model.parameters.get('a.up.weight')!,
            model.parameters.get('a.up.bias')!,
          );
          return rounded.sub(expected).mean(0);
        }),
      );
      return tf.tidy(() => tf.stack(sums).mean(0).abs().max().dataSync()[0]!);
    };
    const plain = meanOf(await quantize(model, batches, plan));
    const corrected = meanOf(
      await quantize(model, batches, plan, { biasCorrection: true, rounding: 'gptq' }),
    );
    expect(plain).toBeGreaterThan(0.05);
    expect(corrected).toBeLessThan(1e-5);
  });

  it('all together leaves no tensor but what it returns', async () => {
    const model = tinyEncoder('pre-norm');
    const batches = tinyBatches(2);
    const before = tf.memory().numTensors;
    const values = [...model.parameters].map(([name, tensor]) => [name, [...tensor.dataSync()]]);
    const options = {
      rounding: 'gptq',
      smoothQuant: { alpha: 'search' },
      biasCorrection: true,
      observer: 'mse',
    } as const;
    const { changed } = await quantize(model, batches, wa(4), options);
    expect(tf.memory().numTensors).toBe(before + changed.size);
    for (const tensor of changed.values()) tensor.dispose();
    // The model itself is as it was.
    expect([...model.parameters].map(([name, tensor]) => [name, [...tensor.dataSync()]])).toEqual(values);
  });

  it('refuses bad input, and leaves no tensor behind', async () => {
    const model = tinyEncoder('post-norm');
    const batches = tinyBatches(1);
    const nan = tf.fill([2, 32], Number.NaN);
    const before = tf.memory().numTensors;
    await expect(quantize(model, [], wa(8))).rejects.toThrow('no calibration batches');
    await expect(quantize(model, [nan], wa(8))).rejects.toThrow('"a.gate"');
    await expect(quantize(model, [nan], w(4), { rounding: 'gptq' })).rejects.toThrow('"a.gate"');
    await expect(quantize(model, batches, [{ match: 'encoder.**', weight: perChannel(8) }])).rejects.toThrow(
      'rule "encoder.**" matches no site',
    );
    await expect(quantize(model, batches, [{ match: '**', weight: perGroup(4, 24) }])).rejects.toThrow(
      '"a.gate"',
    );
    await expect(quantize(model, batches, wa(8), { smoothQuant: { alpha: 2 } })).rejects.toThrow('alpha 2');
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('sitesOf names the matrices', () => {
  expect(sitesOf(tinyEncoder('post-norm').parameters)).toEqual([
    'a.gate',
    'a.up',
    'a.down',
    'b.gate',
    'b.up',
    'b.down',
  ]);
});

import type { EncoderOps, Site } from '@sdq/core';
import type { SiteError, TensorError } from '@sdq/core/results';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { float, run, tinyBatches, tinyEncoder } from '../../test/tiny-encoder.ts';
import { FakeQuantizedOps } from '../interpreters/fake-quantized-ops.ts';
import { WrappedOps } from '../interpreters/wrapped-ops.ts';
import { type Plan, resolvePlan, sitesOf } from '../plan/plan.ts';
import { quantize } from '../post-training/post-training.ts';
import { dequantizeRows, perChannel } from '../weights/weight-quantizers.ts';
import { siteErrors } from './site-errors.ts';

beforeAll(() => tf.setBackend('cpu'));

const plan: Plan = [{ match: '**', weight: perChannel(4), activationBits: 8 }];

/** Keeps what each linear and LayerNorm gives. */
class Keeping extends WrappedOps {
  readonly outputs = new Map<Site, Float32Array>();

  override linear(...args: Parameters<EncoderOps<tf.Tensor>['linear']>): tf.Tensor {
    return this.keep(args[0], super.linear(...args));
  }

  override layerNorm(...args: Parameters<EncoderOps<tf.Tensor>['layerNorm']>): tf.Tensor {
    return this.keep(args[0], super.layerNorm(...args));
  }

  private keep(site: Site, x: tf.Tensor): tf.Tensor {
    this.outputs.set(site, x.dataSync() as Float32Array);
    return x;
  }
}

/** The error in float64. */
function reference(float: ArrayLike<number>, other: ArrayLike<number>): TensorError {
  let [error, signal, power, product] = [0, 0, 0, 0];
  for (let i = 0; i < float.length; i++) {
    error += (float[i]! - other[i]!) ** 2;
    signal += float[i]! ** 2;
    power += other[i]! ** 2;
    product += float[i]! * other[i]!;
  }
  return {
    mse: error / float.length,
    sqnr: 10 * Math.log10(signal / error),
    cosine: product / Math.sqrt(signal * power),
  };
}

function near(found: TensorError, expected: TensorError): void {
  expect(found.mse / expected.mse).toBeCloseTo(1, 3);
  expect(found.sqnr).toBeCloseTo(expected.sqnr!, 2);
  expect(found.cosine).toBeCloseTo(expected.cosine, 5);
}

describe('siteErrors', () => {
  const model = () => tinyEncoder('post-norm');
  const found = (errors: readonly SiteError[], site: Site, part: SiteError['part']) =>
    errors.find((error) => error.site === site && error.part === part)!;

  async function measured(batches: tf.Tensor[]) {
    const tiny = model();
    const { grids } = await quantize(tiny, batches, plan);
    const resolved = resolvePlan(plan, sitesOf(tiny.parameters));
    const errors = await siteErrors(tiny, batches, { plan: resolved, grids });
    return { tiny, grids, resolved, errors };
  }

  it('accumulates: that of a quantized run beside a float run', async () => {
    const [x] = tinyBatches(1);
    const { tiny, grids, resolved, errors } = await measured([x!]);
    const [right, quantized] = [
      new Keeping(float),
      new Keeping(new FakeQuantizedOps(float, resolved, { grids: new Map(grids) })),
    ];
    run(right, tiny.parameters, x!, 'post-norm');
    run(quantized, tiny.parameters, x!, 'post-norm');
    for (const [site, output] of right.outputs) {
      if (site === 'norm') continue; // Nothing before it is quantized.
      const part = site.endsWith('norm') ? 'layerNorm' : 'linear';
      near(found(errors, site, part).accumulated, reference(output, quantized.outputs.get(site)!));
    }
    expect(found(errors, 'norm', 'layerNorm').accumulated).toMatchObject({ mse: 0, sqnr: null });
    near(found(errors, 'logits', 'logits').accumulated, found(errors, 'b.norm', 'layerNorm').accumulated);
  });

  it('is local where the inputs are the float ones', async () => {
    const batches = tinyBatches(2);
    const { tiny, grids, resolved, errors } = await measured(batches);
    // Only this site quantized: a run with a plan of that site alone gives the same.
    const only = new Map([['b.up', resolved.get('b.up')!]]);
    const [right, local]: [number[], number[]] = [[], []];
    for (const x of batches) {
      const [a, b] = [
        new Keeping(float),
        new Keeping(new FakeQuantizedOps(float, only, { grids: new Map(grids) })),
      ];
      run(a, tiny.parameters, x, 'post-norm');
      run(b, tiny.parameters, x, 'post-norm');
      right.push(...a.outputs.get('b.up')!);
      local.push(...b.outputs.get('b.up')!);
    }
    const up = found(errors, 'b.up', 'linear');
    near(up.local, reference(right, local));
    expect(up.local.mse).toBeLessThan(up.accumulated.mse);
    const first = found(errors, 'a.gate', 'linear');
    expect(first.local).toEqual(first.accumulated);
    const weight = tiny.parameters.get('b.up.weight')!;
    near(
      found(errors, 'b.up', 'weight').local,
      reference(weight.dataSync(), perChannel(4).fakeQuantize(weight).dataSync()),
    );
  });

  it('compares a model with weights of its own', async () => {
    const batches = tinyBatches(1);
    const { tiny, grids, resolved, errors } = await measured(batches);
    const parameters = new Map(
      sitesOf(tiny.parameters).map((site) => {
        const name = `${site}.weight`;
        return [name, dequantizeRows(perChannel(4).quantize(tiny.parameters.get(name)!))];
      }),
    );
    const before = tf.memory().numTensors;
    const again = await siteErrors(tiny, batches, { plan: resolved, grids, parameters });
    expect(tf.memory().numTensors).toBe(before);
    expect(again.map(({ site, part }) => [site, part])).toEqual(errors.map(({ site, part }) => [site, part]));
    again.forEach((error, i) => {
      expect(error.accumulated.mse).toBeCloseTo(errors[i]!.accumulated.mse, 6);
    });
  });

  it('finds none where nothing is quantized, and refuses no batches', async () => {
    const errors = await siteErrors(model(), tinyBatches(1), { plan: new Map(), grids: new Map() });
    for (const { local, accumulated } of errors) {
      for (const error of [local, accumulated]) {
        expect([error.mse, error.sqnr]).toEqual([0, null]);
        expect(error.cosine).toBeCloseTo(1, 6);
      }
    }
    await expect(siteErrors(model(), [], { plan: new Map(), grids: new Map() })).rejects.toThrow(
      'no batches',
    );
  });
});

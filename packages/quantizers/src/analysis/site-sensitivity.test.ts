import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { float, run, tinyBatches, tinyEncoder } from '../../test/tiny-encoder.ts';
import { resolvePlan, sitesOf } from '../plan/plan.ts';
import { quantize } from '../post-training/post-training.ts';
import { perChannel } from '../weights/weight-quantizers.ts';
import { siteSensitivity } from './site-sensitivity.ts';

beforeAll(() => tf.setBackend('cpu'));

const plan = [{ match: '**', weight: perChannel(3) }];

it('measures the logits with only one site, and with all but one', async () => {
  const model = tinyEncoder('post-norm');
  const batches = tinyBatches(2);
  const { grids } = await quantize(model, batches, plan);
  const resolved = resolvePlan(plan, sitesOf(model.parameters));
  const before = tf.memory().numTensors;
  const done: number[] = [];
  const { all, sites } = await siteSensitivity(model, batches, resolved, grids, (count) => done.push(count));
  expect(tf.memory().numTensors).toBe(before);
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
  expect(sites.map(({ site }) => site)).toEqual(sitesOf(model.parameters));

  /** With the weights of some sites rounded, computed apart. */
  const expected = (quantized: (site: string) => boolean) => {
    const parameters = new Map(model.parameters);
    for (const site of sitesOf(parameters).filter(quantized)) {
      const name = `${site}.weight`;
      parameters.set(name, perChannel(3).fakeQuantize(parameters.get(name)!));
    }
    let [moved, whole, changed] = [0, 0, 0];
    for (const x of batches) {
      const [a, b] = [run(float, model.parameters, x, 'post-norm'), run(float, parameters, x, 'post-norm')];
      const [right, other] = [a.dataSync(), b.dataSync()];
      right.forEach((value, i) => {
        moved += (value - other[i]!) ** 2;
        whole += value ** 2;
      });
      const [before, after] = [a.argMax(-1).dataSync(), b.argMax(-1).dataSync()];
      changed += before.filter((label, i) => label !== after[i]).length;
    }
    return { error: moved / whole, changed: changed / 80 };
  };
  for (const [found, right] of [
    [all, expected(() => true)],
    [sites[1]!.only, expected((site) => site === 'a.up')],
    [sites[1]!.allBut, expected((site) => site !== 'a.up')],
  ] as const) {
    expect(found.error / right.error).toBeCloseTo(1, 3);
    expect(found.changed).toBeCloseTo(right.changed, 6);
  }
  expect(all.changed).toBeGreaterThan(0);
});

it('refuses no batches', async () => {
  const asked = siteSensitivity(tinyEncoder('post-norm'), [], new Map(), new Map());
  await expect(asked).rejects.toThrow('no batches');
});

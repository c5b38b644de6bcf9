import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import { type EncoderModel, familyOf, trainableCopies } from '@sdq/models';
import { createPlan, resolvePlan, sitesOf } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tinyModel } from '../../test/tiny-task.ts';
import { fineTuning } from './fine-tuning.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdq-fine-tuning-'));
const head = { kind: 'sequence-classification', labels: ['farm', 'sea'] } as const;
const batch = {
  ids: Int32Array.of(0, 5, 9, 12, 2, 0, 7, 6, 2),
  offsets: Int32Array.of(0, 5, 9),
  labels: Int32Array.of(0, 1),
  examples: [0, 1],
};
let model: EncoderModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  const tiny = await tinyModel(folder, 16, head);
  model = { ...tiny, config: { ...tiny.config, hiddenDropout: 0, classifierDropout: 0 } };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function step(share: number | undefined, index: number) {
  const plan = resolvePlan(
    createPlan('w2a8'),
    sitesOf(model.parameters),
    familyOf(model.config.family).roleOf,
  );
  const noise = share === undefined ? undefined : { share, blockSize: 8 };
  const random = new Random(0).fork(`step ${index}`);
  return (student: EncoderModel) =>
    fineTuning(plan, noise).loss(student, batch, {
      step: index,
      totalSteps: 10,
      random,
      prepared: undefined,
      rows: undefined,
    }).total as tf.Scalar;
}
const lossAt = (share: number | undefined, index = 0) => step(share, index)(model).dataSync()[0]!;

it('is the loss of the float model without noise, and with a share of 0', () => {
  expect(lossAt(0)).toBeCloseTo(lossAt(undefined), 6);
  expect(lossAt(undefined, 1)).toBe(lossAt(undefined));
});

it('quantizes other blocks of the weights in each step, the same when a step is repeated', () => {
  const losses = [0, 1, 2].map((index) => lossAt(0.5, index));
  expect(new Set([...losses, lossAt(0), lossAt(1)]).size).toBe(5);
  expect(lossAt(0.5, 1)).toBe(losses[1]);
});

it('reaches every weight with a gradient, those that are quantized in the step too', () => {
  const parameters = trainableCopies(model, () => true);
  const { grads } = tf.variableGrads(() => step(1, 0)({ ...model, parameters }));
  for (const [name, gradient] of Object.entries(grads)) {
    if (name.endsWith('dense.weight')) expect(gradient.abs().max().dataSync()[0], name).toBeGreaterThan(0);
  }
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import { type EncoderModel, familyOf, type Head, wordTable } from '@sdq/models';
import { createPlan, resolvePlan, sitesOf } from '@sdq/quantizers';
import { compactRows } from '@sdq/trainer';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tinyModel } from '../../test/tiny-task.ts';
import { resolveRunConfig } from '../config/run-config.ts';
import { fineTuning } from './fine-tuning.ts';
import { quantizedTraining } from './quantized-training.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdq-quantized-training-'));
const head: Head = { kind: 'sequence-classification', labels: ['farm', 'sea'] };
const batch = {
  ids: Int32Array.of(0, 5, 9, 12, 2, 0, 7, 6, 2),
  offsets: Int32Array.of(0, 5, 9),
  labels: Int32Array.of(0, 1),
  examples: [0, 1],
};
let teacher: EncoderModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  teacher = await tinyModel(folder, 16, head);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOTAL_STEPS = 10;

function training(observerShare: number) {
  const { distillation, quantized } = resolveRunConfig({
    task: 'NC',
    data: 'xglue',
    model: 'e5',
    out: 'runs',
    quantized: { observerShare },
  });
  const plan = resolvePlan(
    createPlan('w8a8'),
    sitesOf(teacher.parameters),
    familyOf(teacher.config.family).roleOf,
  );
  // Wider than what the model shows, so that a moving average narrows them.
  const ranges = new Map([...plan.keys()].map((site) => [site, { min: -50, max: 50 }]));
  const { step, grids } = quantizedTraining(plan, ranges, { distillation, quantized });
  const take = (at: number) => {
    const context = {
      step: at,
      totalSteps: TOTAL_STEPS,
      random: new Random(at),
      prepared: undefined,
      rows: undefined,
    };
    const { total, parts } = step.loss(teacher, batch, context);
    tf.dispose([total, parts]);
    return JSON.stringify([...grids]);
  };
  return { take, state: step.state! };
}

it('lets ranges follow the batches for a share of the steps, and freezes them then', () => {
  const { take } = training(0.3);
  const seen = Array.from({ length: TOTAL_STEPS }, (_, step) => take(step));
  expect(new Set(seen.slice(0, 3)).size).toBe(3);
  expect(new Set(seen.slice(2)).size).toBe(1);
  expect(new Set(Array.from({ length: TOTAL_STEPS }, (_, step) => training(0).take(step))).size).toBe(1);
});

it('follows them to the end by default', () => {
  const { take } = training(1);
  expect(new Set(Array.from({ length: TOTAL_STEPS }, (_, step) => take(step))).size).toBe(TOTAL_STEPS);
});

it('goes on with ranges as they were saved', () => {
  const whole = training(0.5);
  const half = training(0.5);
  for (let step = 0; step < 3; step++) {
    whole.take(step);
    half.take(step);
  }
  const saved = JSON.parse(JSON.stringify(half.state.save()));
  const again = training(0.5);
  again.state.restore(saved);
  for (let step = 3; step < TOTAL_STEPS; step++) expect(again.take(step)).toBe(whole.take(step));
});

it('with noise rounds other blocks of the weights in each batch, a share of them', () => {
  const { distillation, quantized } = resolveRunConfig({
    task: 'NC',
    data: 'xglue',
    model: 'e5',
    out: 'runs',
  });
  // Two bits, so that what is rounded shows; ranges that do not move.
  const plan = resolvePlan(
    createPlan('w2a8'),
    sitesOf(teacher.parameters),
    familyOf(teacher.config.family).roleOf,
  );
  const ranges = new Map([...plan.keys()].map((site) => [site, { min: -8, max: 8 }]));
  const lossAt = (share: number | undefined, index: number) => {
    const noise = share === undefined ? undefined : { share, blockSize: 8 };
    const frozen = { distillation, quantized: { ...quantized, observerShare: 0 } };
    const { step } = quantizedTraining(plan, ranges, frozen, undefined, noise);
    const random = new Random(0).fork(`step ${index}`);
    const context = { step: 0, totalSteps: 1, random, prepared: undefined, rows: undefined };
    const still = { ...teacher.config, hiddenDropout: 0, classifierDropout: 0 };
    const { total, parts } = step.loss({ ...teacher, config: still }, batch, context);
    const value = total.dataSync()[0]!;
    tf.dispose([total, parts]);
    return value;
  };
  const whole = lossAt(undefined, 0);
  expect(lossAt(1, 0) / whole).toBeCloseTo(1, 4);
  const noisy = [0, 1, 2].map((index) => lossAt(0.5, index));
  expect(new Set([...noisy, whole, lossAt(0, 0)]).size).toBe(5);
  expect(lossAt(0.5, 1)).toBe(noisy[1]);
  expect(lossAt(0, 0)).toBe(lossAt(0, 1));
});

it.each(['w2a8', 'w8a8', 'per tensor'])(
  '%s: noise on gathered rows is that on the whole table, bit for bit',
  (name) => {
    const { distillation, quantized } = resolveRunConfig({
      task: 'NC',
      data: 'xglue',
      model: 'e5',
      out: 'runs',
    });
    const rules =
      name === 'per tensor' ? createPlan([{ match: '**', weight: 'int4-per-tensor' }]) : createPlan(name);
    const plan = resolvePlan(rules, sitesOf(teacher.parameters), familyOf(teacher.config.family).roleOf);
    const ranges = new Map([...plan.keys()].map((site) => [site, { min: -8, max: 8 }]));
    const frozen = { distillation, quantized: { ...quantized, observerShare: 0 } };
    const still = { ...teacher.config, hiddenDropout: 0, classifierDropout: 0 };
    const noise = { share: 0.5, blockSize: 4 };
    for (const { loss, wholeTable } of [
      quantizedTraining(plan, ranges, frozen, undefined, noise).step,
      fineTuning(plan, noise),
    ]) {
      expect(wholeTable!(teacher.config)).toBe(name === 'per tensor');
      if (wholeTable!(teacher.config)) continue;
      const lossOf = (parameters: EncoderModel['parameters'], ids: Int32Array, rowIds?: Int32Array) => {
        const context = { step: 0, totalSteps: 1, random: new Random(3), prepared: undefined };
        const { total, parts } = loss(
          { ...teacher, config: still, parameters },
          { ...batch, ids },
          {
            ...context,
            rows: undefined,
            rowIds,
          },
        );
        const value = total.dataSync()[0]!;
        tf.dispose([total, parts]);
        return value;
      };
      const { ids, rowIds } = compactRows(batch.ids);
      const rows = tf.gather(teacher.parameters.get(wordTable(teacher.config))!, [...rowIds]);
      const compacted = new Map([...teacher.parameters, [wordTable(teacher.config), rows]]);
      expect(lossOf(compacted, ids, rowIds)).toBe(lossOf(teacher.parameters, batch.ids));
      rows.dispose();
    }
  },
);

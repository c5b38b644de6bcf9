import { Random } from '@sdq/core';
import { disposeTaps, keptTaps, LOSS_NAMES, teacherSignal } from '@sdq/distillation';
import { type Batch, familyOf } from '@sdq/models';
import { createPlan, resolvePlan, sitesOf } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { syntheticModel } from '../bench/synthetic-model.ts';
import { quantizedTraining } from '../stages/quantized-training.ts';
import { distillationOf, requireDistillable } from './distillation.ts';
import type { DistillationConfig } from './distillation-config.ts';
import { resolveRunConfig } from './run-config.ts';

beforeAll(() => tf.setBackend('cpu'));

const CONFIG: DistillationConfig = { task: 1, logits: 1, attention: 100, temperature: 1 };
const MODEL = { layers: 2, heads: 2, hiddenSize: 16 };
const names = (...args: Parameters<typeof distillationOf>) =>
  distillationOf(...args)?.losses.map(({ name }) => name);

describe('distillationOf', () => {
  it('gives each method its losses', () => {
    expect(names('ptq', CONFIG)).toBeUndefined();
    expect(names('qat', CONFIG)).toBeUndefined();
    expect(names('qnat', CONFIG)).toBeUndefined();
    expect(names('qnat-sdq', CONFIG)).toEqual(['logit-kl', 'att-kld']);
    expect(names('sdq', CONFIG)).toEqual(['logit-kl', 'att-kld']);
    expect(names('sdq-mse', CONFIG)).toEqual(['logit-kl', 'att-mse']);
  });

  it('lets losses by name replace those of sdq and qnat-sdq', () => {
    const config = { ...CONFIG, losses: Object.fromEntries(LOSS_NAMES.map((name) => [name, 1])) };
    expect(names('sdq', config)).toEqual(LOSS_NAMES);
    expect(names('qnat-sdq', config)).toEqual(LOSS_NAMES);
    expect(names('sdq-mse', config)).toEqual(['logit-kl', 'att-mse']);
    expect(() => names('sdq', { ...CONFIG, losses: { 'hidden-mes': 1 } })).toThrow(
      'Unknown distillation loss "hidden-mes"',
    );
    expect(() => names('sdq', { ...CONFIG, losses: {} })).toThrow('no losses');
  });

  it('reads the layers that were asked for', () => {
    const read = (config: DistillationConfig) =>
      [0, 1].map((layer) => distillationOf('sdq', config)!.taps({ role: 'attention', layer }, MODEL));
    expect(read(CONFIG)).toEqual([true, true]);
    expect(read({ ...CONFIG, layers: 'last' })).toEqual([false, true]);
    expect(read({ ...CONFIG, layers: [0] })).toEqual([true, false]);
  });
});

it('requireDistillable says what a model lacks for the losses', () => {
  requireDistillable(['ptq', 'qat', 'sdq', 'sdq-mse'], CONFIG, MODEL);
  expect(() => requireDistillable(['sdq'], { ...CONFIG, layers: [2] }, MODEL)).toThrow(
    'att-kld needs a layer 2 in both, counted from 0. Of the losses asked for, logit-kl still applies.',
  );
});

it('a step of sdq computes every loss by name, weighted as its time says, and keeps the count of tensors', () => {
  const { model, batch, dispose } = syntheticModel({
    hidden: 24,
    layers: 2,
    lengths: [5, 1, 3],
    mode: 'fp32',
  });
  const losses = Object.fromEntries(LOSS_NAMES.map((name, i) => [name, i + 1]));
  const config = resolveRunConfig({
    task: 'POS',
    data: 'xglue',
    model: 'e5',
    out: 'runs',
    distillation: { task: 3, losses: { ...losses, 'att-kld': { from: 0, to: 8, until: 0.5 } } },
  });
  const plan = resolvePlan(
    createPlan('w4a8'),
    sitesOf(model.parameters),
    familyOf(model.config.family).roleOf,
  );
  const range = { min: -4, max: 4 };
  const ranges = new Map([...plan.keys()].map((site) => [site, range]));
  const loss = distillationOf('sdq', config.distillation)!;
  const signal = (batch: Batch) => teacherSignal(model, loss, batch);
  const { step } = quantizedTraining(plan, ranges, config, { teacher: model, loss, signal });
  const labelled = { ...batch, labels: Int32Array.from(batch.ids, (id) => id % 17), examples: [0, 1, 2] };
  const before = tf.memory().numTensors;
  const prepared = keptTaps(() => step.prepare!(labelled));
  const { total, parts, terms } = tf.tidy(() => {
    const context = { step: 1, totalSteps: 4, random: new Random(0), prepared, rows: undefined };
    const loss = step.loss(model, labelled, context);
    const number = (x: tf.Tensor) => x.dataSync()[0]!;
    return {
      total: number(loss.total),
      terms: Object.fromEntries(
        Object.entries(loss.terms!).map(([name, { weight, rows }]) => [name, { weight, rows }]),
      ),
      parts: Object.fromEntries(Object.entries(loss.parts).map(([name, part]) => [name, number(part)])),
    };
  });
  disposeTaps(prepared);
  expect(tf.memory().numTensors).toBe(before);
  expect(Object.keys(parts)).toEqual(['task', ...LOSS_NAMES]);
  for (const value of Object.values(parts)) expect(value).toBeGreaterThan(0);
  const weights = { task: 3, ...losses, 'att-kld': 4 } as Record<string, number>;
  const expected = Object.entries(parts).reduce((sum, [name, value]) => sum + weights[name]! * value, 0);
  expect(total / expected).toBeCloseTo(1, 6);
  expect(Object.fromEntries(Object.entries(terms).map(([name, { weight }]) => [name, weight]))).toEqual(
    weights,
  );
  expect(terms['att-kld']!.rows).toBe(9);
  dispose();
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EncodedExample, type EncoderModel, familyOf, type Head } from '@sdq/models';
import { createPlan, resolvePlan, sitesOf } from '@sdq/quantizers';
import { task } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recorder } from '../../test/recorder.ts';
import { tinyModel } from '../../test/tiny-task.ts';
import { toyRecipe } from '../../test/toy-training.ts';
import { resolveRunConfig } from '../config/run-config.ts';
import { planBesideProducts, trainProducts } from './product-training.ts';
import { quantizedTraining } from './quantized-training.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdq-product-training-'));
const head: Head = { kind: 'sequence-classification', labels: ['farm', 'sea'] };
const train: EncodedExample[] = Array.from({ length: 12 }, (_, i) => ({
  ids: Int32Array.of(0, 5 + i, 6 + (i % 3), 2),
  labels: Int32Array.of(i % 2),
}));
let model: EncoderModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await tinyModel(folder, 16, head);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([0.25, 0.5, 0.9])(
  'ranges follow the batches for %f of the steps of all groups together',
  async (observerShare) => {
    const { distillation, quantized } = resolveRunConfig({
      task: 'NC',
      data: 'xglue',
      model: 'e5',
      out: 'runs',
      quantized: { observerShare },
    });
    const plan = planBesideProducts(
      resolvePlan(createPlan('w8a8'), sitesOf(model.parameters), familyOf(model.config.family).roleOf),
      familyOf(model.config.family).roleOf,
    );
    // Wider than what the model shows, so that a moving average narrows them.
    const ranges = new Map([...plan.keys()].map((site) => [site, { min: -50, max: 50 }]));
    const { step, grids } = quantizedTraining(plan, ranges, { distillation, quantized });
    const seen: string[] = [JSON.stringify([...grids])];
    const shares: number[] = [];
    const { model: trained, training } = await trainProducts(
      model,
      { blockSize: 4, centroids: 8 },
      {
        stage: 'ipq',
        step: {
          ...step,
          loss: (student, batch, context) => {
            const loss = step.loss(student, batch, context);
            shares.push(context.step / context.totalSteps);
            seen.push(JSON.stringify([...grids]));
            return loss;
          },
        },
        recipe: { ...toyRecipe, epochs: 2 },
        dataset: {
          task: task('NC'),
          labels: head.labels,
          train,
          trainLanguages: ['en'],
          heldOut: [],
          dev: new Map(),
          unofficialLanguages: [],
          remarks: [],
        },
        seed: 1,
        trainEmbeddings: false,
        reporter: recorder(),
      },
    );
    // Three groups of as many steps.
    const steps = training.steps;
    expect(steps % 3).toBe(0);
    expect(shares).toEqual(Array.from({ length: steps }, (_, i) => i / steps));
    const moves = shares.map((_, i) => seen[i + 1] !== seen[i]);
    expect(moves).toEqual(shares.map((share) => share < observerShare));
    for (const [name, tensor] of trained.parameters) {
      if (model.parameters.get(name) !== tensor) tensor.dispose();
    }
  },
);

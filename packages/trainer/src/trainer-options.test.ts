import { IGNORED_LABEL } from '@sdq/kernels';
import { type Batch, type EncodedExample, familyOf, labelledRows } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { recorder } from '../../pipeline/test/recorder.ts';
import type { StepLoss } from './step-runner.ts';
import { train } from './trainer.ts';
import { TRAINING_DEFAULTS, type TrainingRecipe } from './training-recipe.ts';

beforeAll(() => tf.setBackend('cpu'));

const { roleOf } = familyOf('bert');
const NAMES = [
  'embeddings.LayerNorm.weight',
  'encoder.layer.0.output.dense.weight',
  'encoder.layer.1.output.dense.bias',
  'classifier.weight',
];
/** What the learning rate of each is multiplied by, for each layer below the head. */
const DEPTHS = [3, 2, 1, 0];
const DECAYS = [0, 1, 0, 1];
const START = [0.5, -1, 2, 0.25];

const recipe: TrainingRecipe = {
  ...TRAINING_DEFAULTS,
  epochs: 3,
  learningRate: 0.02,
  warmupShare: 0.25,
  weightDecay: 0.1,
  tokensPerBatch: 8,
  dropout: 0,
};

const examples: EncodedExample[] = Array.from({ length: 26 }, (_, i) => ({
  ids: Int32Array.of(i, 2, 3),
  labels: Int32Array.of(0),
}));

/** Where the parameters are drawn to by a batch. */
const target = (batch: readonly number[], parameter: number) =>
  Math.sin(batch.reduce((sum, i) => sum + i, 0) + parameter);

/** Descends half the squared distances of four numbers from a target that each batch sets. */
async function trained(more: Partial<TrainingRecipe>, scores: readonly number[] = [0.5]) {
  const variables = new Map(
    NAMES.map((name, i) => [name, tf.tidy(() => tf.variable(tf.tensor1d([START[i]!])))]),
  );
  const batches: { step: number; examples: readonly number[] }[] = [];
  const events = recorder();
  let evaluation = 0;
  const summary = await train({
    stage: 'test',
    examples,
    variables,
    roleOf,
    recipe: { ...recipe, ...more },
    seed: 1,
    reporter: events,
    evaluate: async () => scores[Math.min(evaluation++, scores.length - 1)]!,
    loss: (batch, { step }) => {
      batches.push({ step, examples: batch.examples });
      const halves = [...variables.values()].map((variable, i) =>
        variable.sub(target(batch.examples, i)).square().sum().mul(0.5),
      );
      const total = tf.addN(halves) as tf.Scalar;
      return { total, parts: { task: total } };
    },
  });
  const values = [...variables.values()].map((variable) => variable.dataSync()[0]!);
  for (const variable of variables.values()) variable.dispose();
  return { values, batches, summary, events: events.events };
}

/** The same in float64: the values after each step, of the weights and of their moving averages. */
function reference(batches: Awaited<ReturnType<typeof trained>>['batches'], more: Partial<TrainingRecipe>) {
  const { learningRate, warmupShare, weightDecay, clipNorm, layerDecay, emaDecay, decay } = {
    ...recipe,
    ...more,
  };
  const totalSteps = batches.at(-1)!.step + 1;
  const warmup = Math.ceil(totalSteps * warmupShare);
  const weights = [...START];
  const averages = [...START];
  const [means, squares] = [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ];
  const behind: { weights: number[]; averages: number[] }[] = [];
  const rates: number[] = [];
  for (let step = 0; step < totalSteps; step++) {
    const parts = batches.filter((batch) => batch.step === step);
    const gradients = weights.map(
      (weight, i) => parts.reduce((sum, part) => sum + weight - target(part.examples, i), 0) / parts.length,
    );
    const norm = Math.hypot(...gradients);
    const clip = Math.min(1, clipNorm / (norm + 1e-6));
    const done = (step - warmup) / (totalSteps - warmup);
    const fall = decay === 'cosine' ? 0.5 + 0.5 * Math.cos(Math.PI * done) : 1 - done;
    rates.push(learningRate * (step < warmup ? (step + 1) / warmup : fall));
    for (let i = 0; i < weights.length; i++) {
      const rate = rates.at(-1)! * layerDecay ** DEPTHS[i]!;
      const g = gradients[i]! * clip;
      means[i] = 0.9 * means[i]! + 0.1 * g;
      squares[i] = 0.999 * squares[i]! + 0.001 * g * g;
      const mean = means[i]! / (1 - 0.9 ** (step + 1));
      const square = squares[i]! / (1 - 0.999 ** (step + 1));
      weights[i] =
        weights[i]! * (1 - rate * weightDecay * DECAYS[i]!) - (rate * mean) / (Math.sqrt(square) + 1e-8);
      averages[i] = emaDecay * averages[i]! + (1 - emaDecay) * weights[i]!;
    }
    behind.push({ weights: [...weights], averages: [...averages] });
  }
  return { behind, rates };
}

function expectClose(found: readonly number[], expected: readonly number[]) {
  for (const [i, value] of found.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6);
}

describe('the arithmetic of a recipe equals float64', () => {
  it.each<[string, Partial<TrainingRecipe>]>([
    ['defaults', {}],
    ['accumulated batches', { accumulate: 3 }],
    ['clipping', { clipNorm: 0.01, accumulate: 2 }],
    ['cosine', { decay: 'cosine' }],
    ['decay by layer', { layerDecay: 0.5 }],
    ['average of weights', { emaDecay: 0.8 }],
    ['all', { accumulate: 2, decay: 'cosine', layerDecay: 0.7, emaDecay: 0.5 }],
  ])('%s', async (_name, more) => {
    const { values, batches, events, summary } = await trained(more);
    expect(new Set(batches.map(({ step }) => step)).size).toBe(summary.steps);
    const { behind, rates } = reference(batches, more);
    const last = behind.at(-1)!;
    expectClose(values, more.emaDecay ? last.averages : last.weights);
    const told = events
      .filter(({ event }) => event === 'step')
      .map(({ learningRate }) => learningRate as number);
    expectClose(told, rates);
  });
});

describe('the score on English dev', () => {
  it('chooses the weights of its best step when asked to', async () => {
    const scores = [0.3, 0.9, 0.9, 0.5, 0.2, 0.6];
    for (const emaDecay of [0, 0.8]) {
      const more = { keep: 'best', evaluationsPerEpoch: 2, emaDecay } as const;
      const { values, batches, events } = await trained(more, scores);
      const at = events.filter(({ event }) => event === 'evaluation').map(({ step }) => step as number);
      expect(at).toHaveLength(6);
      // The first of two equal ones.
      const best = reference(batches, more).behind[at[1]! - 1]!;
      expectClose(values, emaDecay ? best.averages : best.weights);
    }
  });

  it('stops the training when it has not risen for as long as the patience says', async () => {
    const { summary, events } = await trained(
      { patience: 2, evaluationsPerEpoch: 3 },
      [0.1, 0.4, 0.4, 0.3, 0.9],
    );
    const evaluations = events.filter(({ event }) => event === 'evaluation');
    expect(evaluations).toHaveLength(4);
    expect(summary.steps).toBe(evaluations.at(-1)!.step);
  });

  it('neither stops nor chooses by default', async () => {
    const { summary, values, batches } = await trained({}, [0.9, 0.1, 0.1]);
    expect(summary.steps).toBe(3 * 13);
    expectClose(values, reference(batches, {}).behind.at(-1)!.weights);
  });
});

it('an infinite gradient is reported with its parameter, the step and the examples', async () => {
  const weight = tf.tidy(() => tf.variable(tf.zeros([1])));
  const bias = tf.tidy(() => tf.variable(tf.ones([1])));
  const asked = train({
    roleOf,
    stage: 'test',
    examples,
    variables: new Map([
      ['classifier.bias', bias],
      ['classifier.weight', weight],
    ]),
    recipe,
    seed: 1,
    reporter: recorder(),
    loss: (_batch, { step }) => {
      // The root of zero is zero, and its slope infinite.
      const root = step === 2 ? weight.mul(0).sqrt().sum() : weight.sum();
      return { total: root.add(bias.sum()) as tf.Scalar, parts: {} };
    },
  });
  await expect(asked).rejects.toMatchObject({
    code: 'bad-value',
    message: expect.stringMatching(
      /^The gradient of "test" is (NaN|Infinity) at step 3, on the examples \d+, \d+, and "classifier.weight" has a gradient of norm/,
    ),
  });
  weight.dispose();
  bias.dispose();
});

describe('the loss that is reported', () => {
  /** Of tokens of which every third alone has a label, in batches of unequal lengths. */
  const tagged: EncodedExample[] = [2, 9, 3, 12, 1, 6, 4].map((length, i) => ({
    ids: Int32Array.from({ length }, (_, k) => i + k),
    labels: Int32Array.from({ length }, (_, k) => (k % 3 === 0 ? 0 : IGNORED_LABEL)),
  }));

  const steps = async (terms?: (batch: Batch) => NonNullable<StepLoss['terms']>) => {
    const weight = tf.variable(tf.tensor1d([1]));
    const batches: { step: number; value: number; batch: Batch }[] = [];
    const events = recorder();
    await train({
      stage: 'test',
      examples: tagged,
      variables: new Map([['classifier.weight', weight]]),
      roleOf,
      recipe: { ...recipe, epochs: 1, tokensPerBatch: 12, accumulate: 2 },
      seed: 1,
      reporter: events,
      loss: (batch, { step }) => {
        const value = batch.ids[0]! + 1;
        batches.push({ step: step + 1, value, batch });
        const task = weight.sum().mul(0).add(value) as tf.Scalar;
        const parts = { task, other: task.mul(10) as tf.Scalar };
        return { total: task, parts, ...(terms && { terms: terms(batch) }) };
      },
    });
    weight.dispose();
    return { batches, found: events.events.filter(({ event }) => event === 'step') };
  };

  it('weighs batches by their labels', async () => {
    const { batches, found } = await steps();
    for (const { step, loss, task, other } of found) {
      const own = batches.filter((batch) => batch.step === step);
      const rows = own.map(({ batch }) => batch.labels.filter((label) => label === 0).length);
      const all = rows.reduce((sum, count) => sum + count, 0);
      const expected = own.reduce((sum, { value }, i) => sum + (value * rows[i]!) / all, 0);
      expect(loss).toBeCloseTo(expected, 10);
      expect(task).toBeCloseTo(expected, 10);
      expect(other).toBeCloseTo(10 * expected, 10);
    }
    expect(found.length).toBeGreaterThan(1);
    expect(batches.length).toBeGreaterThan(found.length);
  });

  it('weighs each part by the rows that it is a mean over, and adds the parts up', async () => {
    const { batches, found } = await steps((batch) => ({
      task: { weight: 2, rows: labelledRows(batch) },
      other: { weight: 3, rows: batch.ids.length },
    }));
    for (const { step, loss, task, other } of found) {
      const own = batches.filter((batch) => batch.step === step);
      const tokens = own.reduce((sum, { batch }) => sum + batch.ids.length, 0);
      const expected = own.reduce(
        (sum, { value, batch }) => sum + (10 * value * batch.ids.length) / tokens,
        0,
      );
      expect(other).toBeCloseTo(expected, 10);
      expect(loss).toBeCloseTo(2 * Number(task) + 3 * Number(other), 10);
    }
  });
});

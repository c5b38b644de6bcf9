import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadQuantizedModel } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadPlugins } from '../src/config/plugins.ts';
import { type RunOptions, resolveRunConfig } from '../src/config/run-config.ts';
import { run } from '../src/run/run.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

// The template that docs/plugins.md explains.
const template = fileURLToPath(new URL('../../../examples/plugin/src/index.ts', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sdq-plugin-run-'));
const [data, model] = [join(root, 'xglue'), join(root, 'model')];

beforeAll(async () => {
  await tf.setBackend('cpu');
  writeTinyData(data);
  await writeTinyModel(model);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const recipe = { epochs: 1, learningRate: 0.005, tokensPerBatch: 128 };
const options = (name: string): RunOptions => ({
  ...{ task: 'NC', data, model, out: join(root, name), trainLimit: 60, devLimit: 12, methods: ['sdq'] },
  plugins: [template],
  plan: [{ match: '**', weight: 'int4-power-of-two', activationBits: 8 }],
  finetune: recipe,
  quantized: recipe,
  distillation: {
    losses: { 'logit-kl': 1, 'first-token-mse': { from: 0, to: 10, until: 0.5 } },
    layers: 'last',
  },
});
const train = async (options: RunOptions) =>
  run(resolveRunConfig(options, await loadPlugins(options.plugins ?? [])), recorder(), { backend: 'cpu' });
const losses = (name: string, loss = 'first-token-mse'): number[] =>
  readFileSync(join(root, name, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .flatMap((event) => event[loss] ?? []);

it('trains with the quantizer and the loss of a plug-in, and goes on from its run', async () => {
  const results = await train(options('plugin'));
  expect(results.finish.sdq).toMatchObject({ equal: true, samePredictions: 1 });

  // The student's file has the grids of the plug-in.
  const student = await loadQuantizedModel(join(root, 'plugin/student'));
  expect(student.weights.size).toBeGreaterThan(10);
  for (const { bits, scales } of student.weights.values()) {
    expect(bits).toBe(4);
    expect([...scales].filter((scale) => !Number.isInteger(Math.log2(scale)))).toEqual([]);
  }

  // The loss was computed, and what it pulls at comes nearer.
  const values = losses('plugin');
  const mean = (part: number[]) => part.reduce((sum, value) => sum + value, 0) / part.length;
  expect(values.length).toBeGreaterThanOrEqual(3);
  const without = options('without');
  await train({ ...without, distillation: { losses: { 'logit-kl': 1, 'first-token-mse': 0 } } });
  expect(mean(values.slice(-3))).toBeLessThan(mean(losses('without').slice(-3)));

  // The same configuration finds its run, and adds to it.
  const more = await train({ ...options('plugin'), methods: ['sdq', 'ptq'] });
  expect(more.scores.sdq).toEqual(results.scores.sdq);
  expect(Object.keys(more.scores)).toContain('ptq-min-max');
});

it('trains with instances of classes, whose methods need their object', async () => {
  const classes = fileURLToPath(new URL('./class-plugin.ts', import.meta.url));
  const results = await train({
    ...options('classes'),
    methods: ['ptq', 'qat', 'qnat', 'sdq'],
    plugins: [classes],
    plan: [{ match: '**', weight: 'class-int5', activationBits: 8 }],
    distillation: { losses: { 'class-logit-mse': 10 } },
  });
  expect(results.finish.sdq).toMatchObject({ equal: true, samePredictions: 1 });
  expect(losses('classes', 'class-logit-mse').length).toBeGreaterThanOrEqual(3);
  const student = await loadQuantizedModel(join(root, 'classes/student'));
  for (const { bits } of student.weights.values()) expect(bits).toBe(5);
});

it('knows the names of a plug-in only when it is named', () => {
  const { plugins, ...rest } = options('none');
  expect(plugins).toEqual([template]);
  expect(() => resolveRunConfig(rest)).toThrow(
    /^Unknown distillation loss "first-token-mse": choose one of logit-kl/,
  );
});

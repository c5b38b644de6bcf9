import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reporter, RunEvent } from '@sdq/core';
import type { Results } from '@sdq/core/results';
import { loadQuantizedModel } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveRunConfig } from '../src/config/run-config.ts';
import { run } from '../src/run/run.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-product-run-'));
const [data, model] = [join(root, 'xglue'), join(root, 'model')];
let results: Results;
let events: RunEvent[];

async function start(
  out: string,
  methods: ('ipq' | 'ipq-sdq')[],
  { teacher, dies = () => false }: { teacher?: string; dies?: (event: RunEvent) => boolean } = {},
): Promise<{ results: Results; events: RunEvent[] }> {
  const inner = recorder();
  const reporter: Reporter = {
    ...inner,
    event: (event) => {
      inner.event(event);
      if (dies(event)) throw new Error('killed');
    },
  };
  const config = resolveRunConfig({
    task: 'NC',
    data,
    model,
    out: join(root, out),
    methods,
    ...(teacher !== undefined && { teacher }),
    calibrationBatches: 1,
    finetune: { epochs: 16, learningRate: 5e-3, tokensPerBatch: 128 },
    quantized: { epochs: 1, learningRate: 2e-3, tokensPerBatch: 128, observerShare: 0.5 },
    products: { blockSize: 4, centroids: 16 },
  });
  const environment = { backend: 'cpu', checkpointSteps: 3 };
  return { results: await run(config, reporter, environment), events: inner.events };
}

const studentOf = (out: string) => readFileSync(join(root, out, 'student/model.safetensors'));

beforeAll(async () => {
  await tf.setBackend('cpu');
  writeTinyData(data);
  await writeTinyModel(model);
  ({ results, events } = await start('whole', ['ipq', 'ipq-sdq']));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('keeps the task through the groups of layers, with the loss of the task and with distillation', () => {
  expect(results.average.ipq).toBeGreaterThan(0.9);
  expect(results.average.ipqSdq).toBeGreaterThan(0.9);
  const stages = new Set(events.filter(({ event }) => event === 'step').map(({ stage }) => stage));
  const groups = ['FFN', 'embeddings', 'attention'];
  expect([...stages]).toEqual([
    'teacher',
    ...groups.map((group) => `ipq ${group}`),
    ...groups.map((group) => `ipq-sdq ${group}`),
  ]);
});

it('saves codebooks, and what was saved computes what was trained', async () => {
  const { weights, grids } = await loadQuantizedModel(join(root, 'whole/student'));
  const books = [...weights].filter(([, { codebook }]) => codebook).map(([name]) => name);
  expect(books).toHaveLength(1 + 2 * 6);
  expect(books).toContain('embeddings.word_embeddings.weight');
  expect(grids.size).toBe(2 * 6 + 2);
  const { codebook, shape } = weights.get('encoder.layer.0.intermediate.dense.weight')!;
  expect(codebook!.codes.length).toBe((shape[0] * shape[1]) / 4);
  expect(results.finish['ipq-sdq']!.equal).toBe(true);
});

it.each([
  ['in the first group', 'ipq-sdq FFN', 5],
  ['in the last', 'ipq-sdq attention', 4],
])('ends with the same bits when it died %s', async (_, stage, step) => {
  const dies = (event: RunEvent) => event.event === 'step' && event.stage === stage && event.step === step;
  const teacher = join(root, 'whole/teacher');
  await expect(start(stage, ['ipq-sdq'], { teacher, dies })).rejects.toThrow('killed');
  await start(stage, ['ipq-sdq'], { teacher });
  expect(studentOf(stage).equals(studentOf('whole'))).toBe(true);
});

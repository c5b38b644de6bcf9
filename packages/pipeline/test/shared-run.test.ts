import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@sdq/core';
import { useSdqCpu } from '@sdq/kernels-cpu';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunOptions, resolveRunConfig } from '../src/config/run-config.ts';
import { run } from '../src/run/run.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-shared-run-'));
const shared = join(root, 'shared');
const teacher = join(root, 'first/teacher');

const recipe = { epochs: 1, learningRate: 5e-3, tokensPerBatch: 128 };

async function start(out: string, more: Partial<RunOptions>, shared?: string) {
  const events: RunEvent[] = [];
  const config = resolveRunConfig({
    task: 'NC',
    data: join(root, 'xglue'),
    model: join(root, 'model'),
    out: join(root, out),
    calibrationBatches: 2,
    finetune: recipe,
    quantized: recipe,
    ...more,
  });
  const results = await run(config, recorder(events), { backend: tf.getBackend(), shared });
  return { results, scored: events.filter(({ event }) => event === 'scores').map(({ stage }) => stage) };
}

const distilled: Partial<RunOptions> = { teacher, methods: ['sdq'], teacherCache: { bytes: 1e6 } };
const file = (...names: string[]) => readFileSync(join(root, ...names));

beforeAll(async () => {
  await tf.setBackend('cpu');
  writeTinyData(join(root, 'xglue'));
  await writeTinyModel(join(root, 'model'));
  await start('first', { methods: ['ptq'] }, shared);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('scores a given teacher once for the runs that share a folder, which end as runs alone do', async () => {
  // A teacher that a run trains itself is its own.
  expect(existsSync(shared)).toBe(false);
  const one = await start('one', distilled, shared);
  expect(one.scored).toEqual(['fp32', 'sdq']);
  expect(existsSync(join(root, 'one/teacher-cache'))).toBe(false);
  // What the teacher was fine-tuned on and from is what its own run tells.
  const record = { model: join(root, 'model'), trainLanguages: ['en'] };
  expect(one.results).toMatchObject({ trainLanguages: ['en'], teacherRecord: record });
  expect(Object.keys(one.results.averageZeroShot)).toEqual(['fp32', 'sdq']);
  const cache = file('shared/teacher-cache/signal.cache');

  const two = await start('two', { ...distilled, seed: 1 }, shared);
  expect(two.scored).toEqual(['sdq']);
  expect(file('shared/teacher-cache/signal.cache').equals(cache)).toBe(true);
  const alone = await start('alone', { ...distilled, seed: 1 });
  expect(alone.scored).toEqual(['fp32', 'sdq']);
  expect(two.results.scores).toEqual(alone.results.scores);
  expect(two.results.changes).toEqual(alone.results.changes);
  for (const name of ['student/model.safetensors', 'predictions/fp32/NC/de.prediction']) {
    expect(file('two', name).equals(file('alone', name)), name).toBe(true);
  }
});

it('gives the same student, whoever filled the cache: another method, another seed, or another run', async () => {
  // Its products of few rows sum in another order than those of many.
  await useSdqCpu();
  const wide = join(root, 'wide');
  await writeTinyModel(wide, 64, { kind: 'sequence-classification', labels: ['farm', 'sea', 'sky'] });
  const teacherCache = { bytes: 1e7, type: 'fp32' } as const;
  const small = { model: wide, teacher: wide, teacherCache, quantized: { ...recipe, tokensPerBatch: 16 } };
  const distilled: Partial<RunOptions> = { ...small, methods: ['sdq'], trainLimit: 60 };
  const student = (name: string) => file(name, 'student/model.safetensors');
  await start('cpu alone', { ...distilled, seed: 1 });
  await start('cpu after mse', { ...distilled, seed: 1, methods: ['sdq-mse', 'sdq'] });
  const common = join(root, 'cpu shared');
  await start('cpu seed 0', { ...distilled, quantized: recipe }, common);
  await start('cpu seed 1', { ...distilled, seed: 1 }, common);
  await start('cpu batches', { ...distilled, seed: 1, quantized: recipe });
  expect(student('cpu after mse').equals(student('cpu alone'))).toBe(true);
  expect(student('cpu seed 1').equals(student('cpu alone'))).toBe(true);
  expect(student('cpu batches').equals(student('cpu alone'))).toBe(false);
  await tf.setBackend('cpu');
});

it('gives no speed of training where nothing was trained', async () => {
  const { results } = await start('untrained', { teacher, methods: ['ptq'] });
  expect(results.trainTokensPerSecond).toBeNull();
});

it('scores it again on other examples', async () => {
  expect((await start('fewer', { ...distilled, devLimit: 3 }, shared)).scored).toEqual(['fp32', 'sdq']);
  expect(readdirSync(shared).filter((name) => name.startsWith('fp32-'))).toHaveLength(2);
});

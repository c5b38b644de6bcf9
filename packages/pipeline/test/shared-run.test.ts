import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../src/run.ts';
import { type RunOptions, resolveRunConfig } from '../src/run-config.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-shared-run-'));
const shared = join(root, 'shared');
const teacher = join(root, 'first/teacher');

async function start(out: string, more: Partial<RunOptions>, shared?: string) {
  const events: RunEvent[] = [];
  const recipe = { epochs: 1, learningRate: 5e-3, tokensPerBatch: 128 };
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
  const results = await run(config, recorder(events), { backend: 'cpu', shared });
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

it('scores it again on other examples', async () => {
  expect((await start('fewer', { ...distilled, devLimit: 3 }, shared)).scored).toEqual(['fp32', 'sdq']);
  expect(readdirSync(shared).filter((name) => name.startsWith('fp32-'))).toHaveLength(2);
});

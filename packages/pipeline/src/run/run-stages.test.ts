import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NO_PLUGINS, resolveRunConfig } from '../config/index.ts';
import { RunFolder } from '../run-folder/index.ts';
import type { RunContext, RunStage } from '../stages/index.ts';
import { runStages } from './run-stages.ts';

let out: string;
let ran: string[];
let told: string[];

beforeEach(() => {
  out = join(mkdtempSync(join(tmpdir(), 'sdq-stages-')), 'run');
  ran = [];
  told = [];
});

afterEach(() => rmSync(join(out, '..'), { recursive: true }));

const stage = (name: string, needs: string[], input = 'same'): RunStage => ({
  name,
  needs,
  inputs: async ({ config: { seed, plan, calibrationBatches } }) => ({
    hashes: { 'the data': input },
    options: name === 'teacher' ? {} : { seed, plan, calibrationBatches },
    dev: {},
    places: {},
  }),
  saves: () => undefined,
  run: async () => {
    ran.push(name);
    return { scores: { [name]: { en: 0.5 } } };
  },
});

async function runAll(stages: readonly RunStage[]) {
  const ptq = ['min-max', 'percentile'];
  const config = resolveRunConfig({ task: 'NC', data: 'd', teacher: 't', out, methods: ['ptq'], ptq });
  const folder = RunFolder.open(out, config, NO_PLUGINS);
  try {
    await folder.create();
    const reporter = { message: (text: string) => told.push(text) };
    await runStages(stages, { config, folder, reporter } as unknown as RunContext);
    return folder.stages;
  } finally {
    folder.close();
  }
}

test('runs each stage behind those that it needs, and records it', async () => {
  const records = await runAll([
    stage('ptq-percentile', ['ptq-min-max']),
    stage('ptq-min-max', ['teacher']),
    stage('teacher', []),
  ]);
  expect(ran).toEqual(['teacher', 'ptq-min-max', 'ptq-percentile']);
  expect(records).toMatchObject({
    teacher: { scores: { teacher: { en: 0.5 } } },
    'ptq-min-max': {},
    'ptq-percentile': {},
  });
  expect(records['ptq-percentile']!.seconds).toBeGreaterThan(0);
});

test('skips what is finished, and what is not asked for', async () => {
  await runAll([stage('teacher', [])]);
  await runAll([stage('teacher', []), stage('ptq-min-max', ['teacher']), stage('ipq', ['teacher'])]);
  expect(ran).toEqual(['teacher', 'ptq-min-max']);
});

test('goes on behind the stage that failed', async () => {
  const failing = {
    ...stage('ptq-min-max', ['teacher']),
    run: () => Promise.reject(new Error('the power is gone')),
  };
  await expect(runAll([stage('teacher', []), failing])).rejects.toThrow('the power is gone');
  await runAll([stage('teacher', []), stage('ptq-min-max', ['teacher'])]);
  expect(ran).toEqual(['teacher', 'ptq-min-max']);
});

test('computes again what was computed from something else', async () => {
  await runAll([stage('teacher', []), stage('ptq-min-max', ['teacher'])]);
  await runAll([stage('teacher', []), stage('ptq-min-max', ['teacher'], 'other')]);
  expect(ran).toEqual(['teacher', 'ptq-min-max', 'ptq-min-max']);
  expect(told).toContain('"ptq-min-max" is computed again, since this has changed: the data.');
});

test('refuses stages that need one another', async () => {
  await expect(
    runAll([stage('teacher', ['ptq-min-max']), stage('ptq-min-max', ['teacher'])]),
  ).rejects.toThrow('No stage has all that it needs.');
});

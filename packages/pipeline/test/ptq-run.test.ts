import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Results, readResults } from '@sdq/core/results';
import { loadQuantizedModel } from '@sdq/models';
import { loadClassifier } from '@sdq/serve';
import { scorePredictions } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage } from '../../report/src/index.ts';
import { type RunOptions, resolveRunConfig } from '../src/config/run-config.ts';
import { run } from '../src/run/run.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-ptq-'));
const data = join(root, 'xglue');
const ALL = ['min-max', 'mse', 'gptq', 'smoothquant+gptq', 'adaround', 'dynamic', 'entropy+bias-correction'];

beforeAll(async () => {
  await tf.setBackend('cpu');
  writeTinyData(data);
  await writeTinyModel(join(root, 'model'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const options = (out: string, more: Partial<RunOptions> = {}): RunOptions => ({
  task: 'POS',
  data,
  model: join(root, 'model'),
  out: join(root, out),
  methods: ['ptq'],
  devLimit: 20,
  calibrationBatches: 2,
  finetune: { epochs: 2, learningRate: 5e-3, tokensPerBatch: 128 },
  quantized: { epochs: 1, tokensPerBatch: 256 },
  ...more,
});

async function start(...[out, more]: Parameters<typeof options>) {
  const reporter = recorder();
  const results = await run(resolveRunConfig(options(out, more)), reporter, {
    backend: 'cpu',
    report: reportPage,
  });
  return { results, stages: new Set(reporter.events.map(({ stage }) => stage)) };
}

const student = (out: string) => readFileSync(join(root, out, 'student/model.safetensors'));

describe('a run of several recipes', () => {
  let results: Results;
  const versions = ALL.map((name) => `ptq-${name}`);

  beforeAll(async () => {
    const before = tf.memory().numTensors;
    ({ results } = await start('all', { ptq: ALL }));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has a version of each, with scores, predictions and tests of its own', () => {
    expect(Object.keys(results.scores).filter((name) => name.startsWith('ptq-'))).toEqual(versions);
    for (const version of versions) {
      expect(results.average[version], version).toBeGreaterThan(results.average.fp32! - 0.1);
      expect(results.changes[version], version).toBeDefined();
      const predictions = join(root, 'all/predictions', version);
      const { scores } = scorePredictions({ gold: data, predictions, split: 'dev', tasks: ['POS'] });
      expect(Object.keys(scores.POS!).sort()).toEqual(['de', 'en']);
    }
    const page = readFileSync(join(root, 'all/report.html'), 'utf8');
    for (const name of ALL) expect(page).toContain(`PTQ ${name}`);
    expect(page).toContain(`The best of ${ALL.length} ways to quantize without training is PTQ `);
    expect(readResults(join(root, 'all')).ptq).toEqual(results.ptq);
  });

  it('saves the closest to fp32 that a file can hold, and says which', async () => {
    const { distances, best } = results.ptq!;
    expect(Object.keys(distances)).toEqual(versions);
    expect(distances[best]).toBe(Math.min(...Object.values(distances)));
    const saved = Object.keys(distances).filter((version) => !version.includes('smoothquant'));
    const [closest] = saved.sort((a, b) => distances[a]! - distances[b]!);
    expect(Object.keys(results.bytes)).toEqual(['fp32', closest]);
    // Alone it gives the same file.
    await start('alone', { ptq: [closest!.slice('ptq-'.length)] });
    expect(student('alone').equals(student('all'))).toBe(true);
    const { dispose } = (await loadClassifier(join(root, 'all/student'))) as { dispose?: () => void };
    dispose?.();
  });

  it('goes on behind the last recipe that is finished, to the same bits', async () => {
    const file = join(root, 'all/stages.json');
    const before = student('all');
    const stages = JSON.parse(readFileSync(file, 'utf8'));
    const { [versions.at(-2)!]: _made, [versions.at(-1)!]: _last, ...finished } = stages;
    writeFileSync(file, JSON.stringify(finished));
    const again = await start('all', { ptq: ALL });
    expect(again.stages).toEqual(new Set(versions.slice(-2)));
    expect(again.results.scores).toEqual(results.scores);
    expect(again.results.ptq).toEqual(results.ptq);
    expect(student('all').equals(before)).toBe(true);
  });

  it('is given a recipe and a method more, without making the others again', async () => {
    const more = await start('all', { methods: ['ptq', 'qat'], ptq: [...ALL, 'percentile'] });
    expect(more.stages).toEqual(new Set(['ptq-percentile', 'calibration', 'qat']));
    expect(Object.keys(more.results.bytes)).toEqual(['fp32', 'qat']);
  });
});

it('makes grids a token where a recipe says so', async () => {
  await start('dynamic', { ptq: ['dynamic+gptq'] });
  const { perToken, grids } = await loadQuantizedModel(join(root, 'dynamic/student'));
  expect(perToken!.size).toBeGreaterThan(0);
  expect(grids.size).toBe(0);
});

it('chooses on text that nothing trains on: a run gives the same, whatever is held back from dev', async () => {
  const few = { ptq: ['min-max', 'percentile'], methods: ['ptq', 'qat'] } satisfies Partial<RunOptions>;
  const { results } = await start('some', few);
  const { results: other } = await start('other', { ...few, devLimit: 1, languages: ['de'] });
  expect(other.ptq!.distances).toEqual(results.ptq!.distances);
});

describe('recipes that a run cannot make', () => {
  const refused = (more: Partial<RunOptions>) => () => resolveRunConfig(options('refused', more));

  it('are refused before anything is written', () => {
    expect(refused({ ptq: ['gtpq'] })).toThrow('did you mean "gptq"?');
    expect(refused({ ptq: [] })).toThrow('The option ptq is wrong');
    expect(refused({ methods: ['qat'], ptq: ['mse'] })).toThrow('"ptq" is not in methods');
    expect(refused({ ptq: ['smoothquant'] })).toThrow('no model to save');
    expect(refused({ methods: ['ptq', 'qat'], ptq: ['smoothquant'] })).not.toThrow();
    expect(refused({ plan: 'w8a8-dynamic', ptq: ['mse'] })).toThrow('has nothing to do');
    expect(existsSync(join(root, 'refused'))).toBe(false);
  });

  it('stand in the configuration by one name each', () => {
    const { ptq } = resolveRunConfig(options('x', { ptq: ['gptq+smoothquant', 'min-max+gptq', 'gptq'] }));
    expect(ptq).toEqual(['smoothquant+gptq', 'gptq']);
    expect(resolveRunConfig(options('x', { methods: ['qat'] }))).not.toHaveProperty('ptq');
  });
});

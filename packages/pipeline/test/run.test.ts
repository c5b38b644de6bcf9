import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '@sdq/core';
import { type Results, scoreTable } from '@sdq/core/results';
import { loadCheckpoint, loadQuantizedModel, loadTokenizer } from '@sdq/models';
import { evaluationPage, evaluationTable } from '@sdq/report';
import { loadClassifier, predictClasses } from '@sdq/serve';
import { readSplit, score, scorePredictions } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage } from '../../report/src/index.ts';
import { type RunOptions, resolveRunConfig } from '../src/config/run-config.ts';
import { exampleEncoder } from '../src/data/dataset.ts';
import { evaluate } from '../src/evaluation/evaluate.ts';
import type { ObserverRecord } from '../src/model/observer-choice.ts';

import { run } from '../src/run/run.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel, writeTinyQuestions } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-run-'));
const data = join(root, 'xglue');
const model = join(root, 'model');

beforeAll(async () => {
  await tf.setBackend('cpu');
  writeTinyData(data);
  await writeTinyModel(model);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const options = (task: string, out: string, more: Partial<RunOptions> = {}): RunOptions => ({
  task,
  data,
  model,
  out: join(root, out),
  calibrationBatches: 3,
  finetune: { epochs: 16, learningRate: 5e-3, tokensPerBatch: 128 },
  quantized: { epochs: 1, learningRate: 5e-4, tokensPerBatch: 128 },
  trainEmbeddings: true,
  ...more,
});

const DEFAULT_PTQ = ['ptq-min-max', 'ptq-percentile', 'ptq-mse', 'ptq-dynamic'];

async function start(...args: Parameters<typeof options>): Promise<{ results: Results; events: RunEvent[] }> {
  const reporter = recorder();
  const results = await run(resolveRunConfig(options(...args)), reporter, {
    backend: 'cpu',
    report: reportPage,
  });
  return { results, events: reporter.events };
}

describe('a run on a text task', () => {
  let results: Results;
  let events: RunEvent[];

  beforeAll(async () => {
    ({ results, events } = await start('NC', 'nc', { methods: ['ptq', 'qat', 'sdq', 'sdq-mse'] }));
  });

  it('learns the task, and each int8 version keeps it', () => {
    expect(Object.keys(results.scores).sort()).toEqual(
      [...['fp32', 'ptq', 'qat', 'sdq', 'sdqMse'], ...DEFAULT_PTQ].sort(),
    );
    for (const [version, scores] of Object.entries(results.scores)) {
      expect(Object.keys(scores).sort(), version).toEqual(['de', 'en']);
      expect(results.average[version], version).toBeGreaterThan(0.9);
    }
    expect(results.majority.en).toBeCloseTo(1 / 3, 6);
  });

  it('takes the calibration observer whose logits are closest to the teacher', () => {
    const { chosen, distances } = events.find(
      ({ event }) => event === 'observer',
    ) as unknown as ObserverRecord;
    expect(distances[chosen]).toBe(Math.min(...Object.values(distances)));
    for (const [observer, distance] of Object.entries(distances)) {
      expect(results.ptq!.distances[`ptq-${observer}`]).toBe(distance);
    }
  });

  it('says which PTQ version is the closest to the teacher on text that is held out', () => {
    const { best, distances } = results.ptq!;
    expect(Object.keys(distances)).toEqual(DEFAULT_PTQ);
    expect(distances[best]).toBe(Math.min(...Object.values(distances)));
    expect(results.scores.ptq).toEqual(results.scores[best]);
    const head = scoreTable(results.scores, results)[0]!;
    expect(head.filter((label) => label.endsWith('(best PTQ)'))).toHaveLength(1);
    expect(readFileSync(join(root, 'nc/report.html'), 'utf8')).toContain('(best PTQ)');
  });

  it('writes results.json and a report that stands alone', () => {
    const stored = JSON.parse(readFileSync(join(root, 'nc/results.json'), 'utf8'));
    expect(stored).toEqual(JSON.parse(JSON.stringify(results)));
    expect(stored.seconds).toBeGreaterThan(0);
    expect(stored.trainTokensPerSecond).toBeGreaterThan(0);
    expect(stored.peakMemoryBytes).toBeGreaterThan(1e6);
    for (const version of ['fp32', 'sdq'] as const) {
      const { embeddings, layers, head } = results.bytesByPart![version]!;
      const header = results.bytes[version]! - (embeddings + layers + head);
      expect(header).toBeGreaterThan(0);
      expect(header).toBeLessThan(20_000);
      expect(Math.min(embeddings, layers, head)).toBeGreaterThan(0);
    }
    const page = readFileSync(join(root, 'nc/report.html'), 'utf8');
    expect(page).toContain('SDQ (Att-KLD)');
    expect(page).toContain(
      `sdq run --config ${join(root, 'nc')}/config.json --out ${join(root, 'nc')}-again`,
    );
    expect(page).toContain('prefers-color-scheme: dark');
    expect(page.match(/<svg/g)).toHaveLength(2);
    expect(page).not.toMatch(/(src|href)="http/);
  });

  it('says how sure each score is, which changes are significant, and how far languages lie apart', () => {
    for (const [version, byLanguage] of Object.entries(results.scores)) {
      for (const [language, score] of Object.entries(byLanguage)) {
        const { low, high } = results.intervals[version === 'ptq' ? results.ptq!.best : version]![language]!;
        expect(low, version).toBeLessThanOrEqual(score);
        expect(high, version).toBeGreaterThanOrEqual(score);
        if (version === 'fp32' || version === 'ptq') continue;
        const { difference, adjustedP, verdict } = results.changes[version]![language]!;
        expect(difference).toBeCloseTo(score - results.scores.fp32![language]!, 12);
        expect(verdict).toBe(adjustedP < 0.05 ? (difference < 0 ? 'lost' : 'gained') : 'same');
      }
      const { best, worst, gap } = results.fairness[version]!;
      expect(gap).toBeCloseTo(byLanguage[best]! - byLanguage[worst]!, 12);
    }
    expect(results.cut).toEqual({ de: 0, en: 0 });
  });

  it('keeps predictions that the official scorer reads', () => {
    const predictions = join(root, 'nc/predictions/sdq');
    const { scores } = scorePredictions({ gold: data, predictions, split: 'dev' });
    expect(scores.NC).toEqual(results.scores.sdq);
  });

  it('is evaluated again from its folders, with the same scores and tests', async () => {
    const evaluation = await evaluate(
      { model: join(root, 'nc/student'), against: join(root, 'nc/teacher'), task: 'NC', data },
      recorder(),
    );
    expect(evaluation.scores).toEqual(results.scores.sdq);
    expect(evaluation.against!.scores).toEqual(results.scores.fp32);
    expect(evaluation.intervals).toEqual(results.intervals.sdq);
    expect(evaluation.against!.changes).toEqual(results.changes.sdq);
    expect(evaluation.averageInterval).toEqual(results.averageIntervals!.sdq);
    expect(evaluation.against!.averageChange).toEqual(results.averageChanges!.sdq);
    expect(evaluation.examples).toEqual({ de: 45, en: 45 });
    const [head, ...rows] = evaluationTable(evaluation);
    expect(head!.slice(1, 4)).toEqual(['score', '95 % interval', 'examples']);
    expect(rows.map(([label]) => label)).toEqual(['en', 'de', 'average']);
    const page = evaluationPage(evaluation);
    expect(page).toContain('<svg');
    expect(page).toContain('No language lost significantly');
  });

  it('is not evaluated on a task that its head does not fit', async () => {
    const asked = evaluate({ model: join(root, 'nc/student'), task: 'POS', data }, recorder());
    await expect(asked).rejects.toThrow(
      'has a head for sequence-classification, but POS needs one for token',
    );
  });

  it('stores the student as integers, which score what was reported when they are loaded', async () => {
    const student = join(root, 'nc/student');
    const { weights, grids } = await loadQuantizedModel(student);
    expect(weights.size).toBe(3 + 2 * 6 + 2);
    expect(grids.size).toBe(2 * 6 + 2);
    const { classify, head, quantized } = await loadClassifier(student);
    expect(quantized).toBe(true);
    const gold = readSplit({ folder: data, task: 'NC', language: 'de', split: 'dev', labels: head.labels });
    const encode = exampleEncoder(await loadTokenizer(student), head.labels, 256);
    const classes = await predictClasses(classify, gold.flatMap(encode));
    const labels = classes.map(([label]) => head.labels[label!]!);
    expect(score('NC', gold, labels)).toBe(results.scores.sdq!.de);
  });

  it('counts what lies on disk', () => {
    expect(results.bytes.fp32).toBe(readFileSync(join(root, 'nc/teacher/model.safetensors')).length);
    expect(results.bytes.sdq).toBe(readFileSync(join(root, 'nc/student/model.safetensors')).length);
    expect(results.bytes.sdq).toBeLessThan(results.bytes.fp32);
  });

  it('saves a teacher that loads as an ordinary checkpoint', async () => {
    const { head, tensors } = await loadCheckpoint(join(root, 'nc/teacher'));
    expect(head!.labels).toEqual(['farm', 'sea', 'sky']);
    expect(tensors.get('classifier.weight')!.shape).toEqual([3, 16]);
  });

  it('goes on behind the last finished stage, with the same result', async () => {
    const file = join(root, 'nc/stages.json');
    const { sdq, 'sdq-mse': _mse, ...finished } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(finished));
    const again = await start('NC', 'nc', { methods: ['ptq', 'qat', 'sdq', 'sdq-mse'] });
    expect(new Set(again.events.map(({ stage }) => stage))).toEqual(
      new Set(['calibration', 'sdq', 'sdq-mse']),
    );
    expect(again.results.scores).toEqual(results.scores);
    expect(again.results.stageSeconds.teacher).toBe(results.stageSeconds.teacher);
    expect(sdq.scores.sdq).toEqual(results.scores.sdq);
  });

  it('refuses a folder that holds another run', async () => {
    await expect(start('NC', 'nc', { seed: 1 })).rejects.toThrow('holds a run of another configuration');
  });
});

it('gives the same student, bit for bit, from the same seed', async () => {
  const few = {
    methods: ['sdq'],
    finetune: { epochs: 1, tokensPerBatch: 128 },
    trainEmbeddings: false,
  } as const;
  const weights = [];
  for (const [out, seed] of [
    ['a', 0],
    ['b', 0],
    ['c', 1],
  ] as const) {
    await start('NC', out, { ...few, methods: ['sdq'], seed });
    weights.push(readFileSync(join(root, out, 'student/model.safetensors')));
  }
  expect(weights[0]!.equals(weights[1]!)).toBe(true);
  expect(weights[0]!.equals(weights[2]!)).toBe(false);
  // A method can be added to a run that is there.
  const added = await start('NC', 'a', { ...few, methods: ['ptq', 'sdq'] });
  expect(new Set(added.events.map(({ stage }) => stage))).toEqual(new Set(DEFAULT_PTQ));
  expect(Object.keys(added.results.scores).sort()).toEqual(['fp32', 'ptq', ...DEFAULT_PTQ, 'sdq'].sort());
});

it('tags words, and keeps the count of tensors', async () => {
  const before = tf.memory().numTensors;
  const { results } = await start('POS', 'pos', { methods: ['ptq', 'sdq'] });
  expect(tf.memory().numTensors).toBe(before);
  expect(results.metric).toBe('tag-precision');
  expect(results.average.fp32).toBeGreaterThan(0.95);
  expect(results.average.sdq).toBeGreaterThan(0.95);
});

it.each([
  ['w8a8-dynamic', 8, 12],
  ['w2a8', 2, 0],
])('trains a student of another plan: %s', async (plan, bits, tokenwise) => {
  const { results } = await start('POS', plan, { methods: ['sdq'], plan });
  expect(results.average.sdq).toBeGreaterThan(0.9);
  const { weights, perToken } = await loadQuantizedModel(join(root, plan, 'student'));
  expect(weights.get('encoder.layer.1.output.dense.weight')!.bits).toBe(bits);
  expect([...(perToken ?? new Map()).keys()].filter((site) => site.startsWith('encoder'))).toHaveLength(
    tokenwise,
  );
});

it('finds answers in contexts that are longer than the model, and keeps the count of tensors', async () => {
  writeTinyQuestions(data);
  const before = tf.memory().numTensors;
  const { results } = await start('MLQA', 'mlqa', {
    methods: ['ptq', 'sdq'],
    maxLength: 24,
    finetune: { epochs: 5, learningRate: 5e-3, tokensPerBatch: 256 },
  });
  expect(tf.memory().numTensors).toBe(before);
  expect(results.metric).toBe('mlqa-f1');
  expect(results.examples).toEqual({ de: 30, en: 30 });
  expect(results.average.fp32).toBeGreaterThan(0.9);
  expect(results.average.ptq).toBeGreaterThan(0.85);
  expect(results.average.sdq).toBeGreaterThan(0.85);
  const { scores } = scorePredictions({
    gold: data,
    predictions: join(root, 'mlqa/predictions/sdq'),
    split: 'dev',
  });
  expect(scores.MLQA).toEqual(results.scores.sdq);
});

describe('every task that an encoder has a head for', () => {
  const fixtures = fileURLToPath(new URL('../../xglue/test/fixtures/xglue', import.meta.url));

  it.each(['NER', 'POS', 'NC', 'MLQA', 'XNLI', 'PAWSX', 'QADSM', 'WPR', 'QAM'])(
    'runs and is evaluated: %s',
    async (task) => {
      const { results } = await start(task, `all-${task}`, {
        data: fixtures,
        maxLength: 32,
        methods: ['ptq', 'sdq'],
        finetune: { epochs: 1, tokensPerBatch: 128 },
      });
      const asked = { model: join(root, `all-${task}/student`), task, data: fixtures, maxLength: 32 };
      const evaluation = await evaluate(asked, recorder());
      expect(evaluation.scores).toEqual(results.scores.sdq);
      expect(Object.values(evaluation.scores).every((score) => score >= 0 && score <= 1)).toBe(true);
    },
  );

  it.each(['QG', 'NTG'])('refuses %s', async (task) => {
    await expect(start(task, `all-${task}`, { data: fixtures })).rejects.toThrow('no generation head');
  });
});

describe('bad input', () => {
  const fails = (out: string, more: Partial<RunOptions>) =>
    expect(start('NC', out, more).finally(() => expect(existsSync(join(root, out))).toBe(false))).rejects;

  it('is told before anything is written', async () => {
    await fails('bad1', { data: join(root, 'nowhere') }).toMatchObject({ code: 'path-not-found' });
    await fails('bad2', { languages: ['xx'] }).toThrow(/xx.*(de|en)/);
    await fails('bad3', { model: join(root, 'nowhere') }).toMatchObject({ code: 'path-not-found' });
    await fails('bad7', { distillation: { layers: [7] } }).toThrow('att-kld needs a layer 7 in both');
    await fails('bad4', { plan: 'w1a1' }).toThrow('Unknown plan "w1a1"');
    await expect(start('QG', 'bad5')).rejects.toThrow('an encoder has no generation head');
    await expect(start('POSS', 'bad6')).rejects.toThrow('Unknown task "POSS"');
  });

  it('is counted and named where reading tolerates it, with the languages that are missing', async () => {
    const odd = join(root, 'odd');
    writeTinyData(odd);
    const file = join(odd, 'NC/xglue.nc.de.dev');
    const [first, ...rest] = readFileSync(file, 'utf8').split('\n');
    const long = `the ${'cow '.repeat(40)}`;
    writeFileSync(file, [`\ufeff${first}`, `${long}\t\tfarm\r`, ...rest].join('\n'));
    const asked = { model: join(root, 'nc/student'), task: 'NC', data: odd, maxLength: 32 };
    const { remarks, cut, examples } = await evaluate(asked, recorder());
    expect(remarks).toEqual([
      `${file}:1 has a byte order mark, which is left out.`,
      `${file}:2 has a carriage return, left out.`,
      `${file}:2 has an empty field.`,
      'NC has no dev set here in es, fr, ru, which the official average has.',
    ]);
    expect([cut, examples]).toEqual([
      { de: 1, en: 0 },
      { de: 46, en: 45 },
    ]);
  });

  it('names the option', () => {
    const resolve = (more: Partial<RunOptions>) => () => resolveRunConfig(options('NC', 'x', more));
    expect(resolve({ finetune: { epochs: 0 } })).toThrow('finetune.epochs');
    expect(resolve({ seed: -1 })).toThrow('seed');
    expect(resolve({ methods: ['qatt' as 'qat'] })).toThrow('methods.0');
    expect(resolve({ distillation: { temperature: 0 } })).toThrow('distillation.temperature');
    expect(resolve({ distillation: { losses: { 'att-kld': -1 } } })).toThrow('distillation.losses.att-kld');
    expect(resolve({ distillation: { losses: { 'att-kl': 1 } } })).toThrow(
      'Unknown distillation loss "att-kl"',
    );
    expect(resolve({ distillation: { layers: [] } })).toThrow('distillation.layers');
  });
});

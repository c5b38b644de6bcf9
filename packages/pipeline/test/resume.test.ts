import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reporter, RunEvent } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunOptions, resolveRunConfig } from '../src/config/run-config.ts';
import { run } from '../src/run/run.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-resume-run-'));
const CHECKPOINT_STEPS = 3;
const [data, model] = [join(root, 'xglue'), join(root, 'model')];

beforeAll(async () => {
  await tf.setBackend('cpu');
  writeTinyData(data);
  await writeTinyModel(model);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs until the event that `dies` picks, if any, and there breaks off as a process that is killed. */
async function attempt(
  out: string,
  dies: (event: RunEvent) => boolean = () => false,
  events: RunEvent[] = [],
  more: Partial<RunOptions> = {},
) {
  const options: RunOptions = {
    task: 'NC',
    data,
    model,
    out: join(root, out),
    methods: ['sdq'],
    trainLimit: 48,
    devLimit: 3,
    calibrationBatches: 1,
    finetune: { epochs: 2, learningRate: 5e-3, tokensPerBatch: 64 },
    quantized: { epochs: 2, learningRate: 5e-4, tokensPerBatch: 64, observerShare: 0.5, dropout: 0.1 },
    trainEmbeddings: true,
    ...more,
  };
  const inner = recorder(events);
  const reporter: Reporter & { readonly events: RunEvent[] } = {
    ...inner,
    event: (event) => {
      inner.event(event);
      if (dies(event)) throw new Error('killed');
    },
  };
  await run(resolveRunConfig(options), reporter, { backend: 'cpu', checkpointSteps: CHECKPOINT_STEPS });
  return events;
}

const weights = (out: string) =>
  ['teacher', 'student'].map((part) => readFileSync(join(root, out, part, 'model.safetensors')));

describe('a run that dies', () => {
  let whole: Buffer[];
  let last: number;

  beforeAll(async () => {
    const events = await attempt('whole');
    last = events.filter(({ event, stage }) => event === 'step' && stage === 'sdq').length;
    whole = weights('whole');
  });

  const at = (stage: string, step: (last: number) => number) => (event: RunEvent) =>
    event.event === 'step' && event.stage === stage && event.step === step(last);
  const during = (name: string, stage: string) => (event: RunEvent) =>
    event.event === name && event.stage === stage;

  it.each([
    ['at the first step of the teacher', at('teacher', () => 1)],
    ['in the teacher', at('teacher', () => 8)],
    ['as the teacher is scored', during('scores', 'fp32')],
    ['while ranges of activations move', at('sdq', () => 4)],
    ['while ranges of activations are frozen', at('sdq', (last) => last - 1)],
    ['behind a checkpoint', during('checkpoint', 'sdq')],
    ['as English dev is scored', during('evaluation', 'sdq')],
    ['as the student is scored', during('scores', 'sdq')],
  ])('%s, ends with the same bits when it goes on', async (name, dies) => {
    const events: RunEvent[] = [];
    await expect(attempt(name, dies, events)).rejects.toThrow('killed');
    await attempt(name, undefined, events);
    // Of both stages together: it took no more than the steps behind a checkpoint twice.
    const steps = events.filter(({ event }) => event === 'step').length;
    expect(steps).toBeLessThanOrEqual(2 * last + CHECKPOINT_STEPS);
    expect(weights(name).map((bytes, i) => bytes.equals(whole[i]!))).toEqual([true, true]);
    expect(existsSync(join(root, name, 'checkpoints', 'sdq'))).toBe(false);
  });

  it('begins anew on other data', async () => {
    const dies = at('sdq', () => 8);
    await expect(attempt('moved', dies)).rejects.toThrow('killed');
    const kept = join(root, 'kept');
    cpSync(join(data, 'NC'), kept, { recursive: true });
    writeTinyData(data, 7);
    const events = await attempt('moved');
    expect(events.some(({ event }) => event === 'resumed')).toBe(false);
    await attempt('on other data');
    expect(weights('moved').map((bytes, i) => bytes.equals(weights('on other data')[i]!))).toEqual([
      true,
      true,
    ]);
    cpSync(kept, join(data, 'NC'), { recursive: true });
  });
});

describe('a run with a teacher cache', () => {
  const FIRST_EPOCH = 4;
  const dying = (event: RunEvent) =>
    event.event === 'step' && event.stage === 'sdq' && event.step === FIRST_EPOCH;

  it.each([
    ['with room for all', { bytes: 1e6, type: 'fp16' }],
    ['with room for some', { bytes: 14_000, type: 'fp16' }],
  ] as const)(
    '%s, ends with the same bits when it died while the cache was filled',
    async (name, teacherCache) => {
      await attempt(`${name} whole`, undefined, [], { teacherCache });
      const cache = join(root, name, 'teacher-cache/signal.cache');
      await expect(attempt(name, dying, [], { teacherCache })).rejects.toThrow('killed');
      // A record that was cut off, and one that was damaged.
      const bytes = readFileSync(cache);
      bytes[bytes.length - 100]! ^= 1;
      writeFileSync(cache, bytes.subarray(0, bytes.length - 9));
      await attempt(name, undefined, [], { teacherCache });
      expect(weights(name).map((bytes, i) => bytes.equals(weights(`${name} whole`)[i]!))).toEqual([
        true,
        true,
      ]);
      expect(readFileSync(cache).length).toBeLessThanOrEqual(teacherCache.bytes);
    },
  );

  it('shares it between methods, and in fp32 gives the student of a live teacher', async () => {
    const teacherCache = { bytes: 1e6, type: 'fp32' } as const;
    const cache = join(root, 'shared/teacher-cache/signal.cache');
    await attempt('shared', undefined, [], { teacherCache });
    const filled = readFileSync(cache);
    await attempt('shared', undefined, [], { teacherCache, methods: ['sdq', 'sdq-mse'] });
    expect(readFileSync(cache).equals(filled)).toBe(true);
    await attempt('live');
    expect(weights('shared').map((bytes, i) => bytes.equals(weights('live')[i]!))).toEqual([true, true]);
  });
});

it('a run from before an option came goes on with its default', async () => {
  const { quantized, ...config } = JSON.parse(readFileSync(join(root, 'whole/config.json'), 'utf8'));
  expect(quantized.observerShare).toBe(0.5);
  const { decay: _, ...finetune } = config.finetune;
  rmSync(join(root, 'whole/results.json'));

  writeFileSync(join(root, 'whole/config.json'), JSON.stringify({ ...config, quantized, finetune }));
  await attempt('whole');
  expect(existsSync(join(root, 'whole/results.json'))).toBe(true);
});

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reporter, RunEvent } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type RunOptions, resolveRunConfig } from '../src/config/run-config.ts';
import { isRunFinished } from '../src/run/finished-run.ts';
import { run } from '../src/run/run.ts';
import { FolderLock } from '../src/run-folder/folder-lock.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-changed-'));
const [data, model, teacher] = ['xglue', 'model', 'given'].map((name) => join(root, name)) as [
  string,
  string,
  string,
];
const recipe = { epochs: 1, learningRate: 5e-3, tokensPerBatch: 128 };
const head = { kind: 'sequence-classification', labels: ['farm', 'sea', 'sky'] } as const;

beforeAll(() => tf.setBackend('cpu'));
beforeEach(async () => {
  rmSync(root, { recursive: true, force: true });
  writeTinyData(data);
  await writeTinyModel(model);
  await writeTinyModel(teacher, 16, head);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const optionsFor = (more: Partial<RunOptions> = {}): RunOptions => ({
  ...{ task: 'NC', data, model, out: join(root, 'run'), methods: ['qat', 'sdq'] },
  ...{ trainLimit: 60, devLimit: 12, calibrationBatches: 1, finetune: recipe, quantized: recipe },
  ...more,
});

async function start(more: Partial<RunOptions> = {}, dies?: (event: RunEvent) => boolean) {
  const messages: string[] = [];
  const events: RunEvent[] = [];
  const reporter: Reporter = {
    ...recorder(events),
    message: (text) => {
      messages.push(text);
    },
    event: (event) => {
      events.push(event);
      if (dies?.(event)) throw new Error('killed');
    },
  };
  const results = await run(resolveRunConfig(optionsFor(more)), reporter, { backend: 'cpu' });
  const of = (name: string) => events.filter(({ event }) => event === name).map(({ stage }) => stage);
  return { results, messages: messages.join('\n'), trained: [...new Set(of('step'))], scored: of('scores') };
}

/** Changes a file of the task, line by line. */
function edit(file: string, change: (line: string, i: number) => string): void {
  const path = join(data, 'NC', `xglue.nc.${file}`);
  writeFileSync(path, readFileSync(path, 'utf8').split('\n').map(change).join('\n'));
}
/** Gives half of the examples of a topic the label of another. */
const wrongLabels = (line: string, i: number) =>
  i % 6 === 0 ? line.replace(/(farm|sea|sky)$/, 'sky') : line;

it('computes nothing again while nothing changes', async () => {
  const first = await start();
  const again = await start();
  expect(again.trained).toEqual([]);
  expect(again.scored).toEqual([]);
  expect(again.results.scores).toEqual(first.results.scores);
  expect(await isRunFinished(resolveRunConfig(optionsFor()))).toBe(true);
});

it('trains again on other labels, and says what changed', async () => {
  await start();
  edit('en.train', wrongLabels);
  expect(await isRunFinished(resolveRunConfig(optionsFor()))).toBe(false);
  const again = await start();
  expect(again.messages).toMatch(/"teacher" is computed again, since this has changed: the training set\./);
  expect(again.messages).toMatch(
    /"sdq" is computed again, since this has changed: the teacher, the training set\./,
  );
  expect(again.trained).toEqual(['teacher', 'qat', 'sdq']);
  const anew = await start({ out: join(root, 'anew') });
  expect(again.results.scores).toEqual(anew.results.scores);
  expect(await isRunFinished(resolveRunConfig(optionsFor()))).toBe(true);
});

it('scores again on other dev sets, without training where the model is kept', async () => {
  await start();
  edit('de.dev', wrongLabels);
  const again = await start();
  expect(again.messages).toMatch(/The student of "sdq" is scored again, since .*: the dev set of de\./);
  // Of QAT no student is kept.
  expect(again.messages).toMatch(/"qat" is computed again, since this has changed: the dev set of de\./);
  expect(again.trained).toEqual(['qat']);
  expect(new Set(again.scored)).toEqual(new Set(['fp32', 'sdq', 'qat']));
  const anew = await start({ out: join(root, 'anew') });
  expect(again.results.scores).toEqual(anew.results.scores);
});

it('puts no method that is added beside old scores', async () => {
  await start({ methods: ['qat'] });
  edit('en.train', wrongLabels);
  edit('en.dev', wrongLabels);
  const { results, messages } = await start({ methods: ['sdq'] });
  expect(messages).toMatch(/"qat" is left out of the results, .* Ask for it again/);
  expect(Object.keys(results.scores)).toEqual(['fp32', 'sdq']);
});

it('distils again from other weights under the path of the teacher', async () => {
  const options: Partial<RunOptions> = { teacher, methods: ['sdq'] };
  const first = await start(options);
  cpSync(teacher, join(root, 'kept'), { recursive: true });
  const trained = await start({ out: join(root, 'trained'), finetune: { ...recipe, epochs: 8 } });
  expect(trained.trained).toContain('teacher');
  cpSync(join(root, 'trained/teacher'), teacher, { recursive: true });
  const again = await start(options);
  expect(again.messages).toMatch(/"teacher" is computed again, since this has changed: the given teacher\./);
  expect(again.results.scores.fp32).not.toEqual(first.results.scores.fp32);
  expect(again.trained).toEqual(['sdq']);
});

it('makes the student again that was deleted, and the teacher', async () => {
  const { results } = await start();
  const student = join(root, 'run/student/model.safetensors');
  const before = readFileSync(student);
  rmSync(join(root, 'run/student'), { recursive: true });
  expect(await isRunFinished(resolveRunConfig(optionsFor()))).toBe(false);
  const again = await start();
  expect(again.messages).toMatch(/"sdq" is computed again, since .*student \(it is gone\)/);
  expect(again.trained).toEqual(['sdq']);
  expect(readFileSync(student).equals(before)).toBe(true);
  rmSync(join(root, 'run/teacher/model.safetensors'));
  const third = await start();
  expect(third.trained).toEqual(['teacher']);
  expect(third.results.scores).toEqual(results.scores);
});

it('finds its run by another path, and in a folder that was moved', async () => {
  await start();
  symlinkSync(data, join(root, 'link'));
  const paths = [
    { data: `${data}/`, model: `${root}/./model`, out: `${join(root, 'run')}/` },
    { data: join(root, 'link') },
  ];
  for (const path of paths) expect((await start(path)).trained).toEqual([]);
  mkdirSync(join(root, 'moved'));
  for (const name of ['xglue', 'model', 'run']) renameSync(join(root, name), join(root, 'moved', name));
  const moved = {
    data: join(root, 'moved/xglue'),
    model: join(root, 'moved/model'),
    out: join(root, 'moved/run'),
  };
  expect(await isRunFinished(resolveRunConfig(optionsFor(moved)))).toBe(true);
  const again = await start(moved);
  expect([again.trained, again.scored]).toEqual([[], []]);
});

it('names the options that differ, and how to go on', async () => {
  await start({ methods: ['qat'] });
  const before = readFileSync(join(root, 'run/stages.json'));
  const other = start({ methods: ['qat'], seed: 3, quantized: { ...recipe, learningRate: 0.1 } });
  await expect(other).rejects.toMatchObject({ code: 'path-exists' });
  await expect(start({ seed: 3, quantized: { ...recipe, learningRate: 0.1 } })).rejects.toThrow(
    /configuration: seed was 0 and is 3, quantized\.learningRate was 0\.005 and is 0\.1\. Give the former options to go on with it, or another --out; .*--teacher .*run\/teacher/,
  );
  // Other content at another path is another run; at the same path it is a change.
  writeTinyData(join(root, 'others'), 8);
  await expect(start({ data: join(root, 'others') })).rejects.toThrow(
    /data was .*xglue and is .*others, with other content\. Give the former path/,
  );
  await expect(start({ teacher })).rejects.toThrow(/teacher was not given and is ".*given"/);
  expect(readFileSync(join(root, 'run/stages.json')).equals(before)).toBe(true);
});

it('begins a training anew that was interrupted on other data', async () => {
  const dies = (event: RunEvent) => event.event === 'step' && event.stage === 'teacher' && event.step === 2;
  await expect(start({}, dies)).rejects.toThrow('killed');
  edit('en.train', wrongLabels);
  const again = await start();
  expect(again.messages).toMatch(/"teacher" is begun anew, since this has changed: the training set\./);
  const anew = await start({ out: join(root, 'anew') });
  expect(again.results.scores).toEqual(anew.results.scores);
});

it('adds the time before an interruption', async () => {
  let waits = true;
  const dies = ({ event, stage, step }: RunEvent) => {
    if (event !== 'step' || stage !== 'qat' || step !== 2 || !waits) return false;
    waits = false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
    return true;
  };
  await expect(start({ methods: ['qat'] }, dies)).rejects.toThrow('killed');
  const { results } = await start({ methods: ['qat'] });
  expect(results.stageSeconds.qat).toBeGreaterThan(3);
  expect(results.seconds).toBeGreaterThan(3);
});

it('does not run twice in one folder', async () => {
  const folder = join(root, 'run');
  const lock = FolderLock.acquire(folder);
  await expect(start()).rejects.toThrow(`${folder} is in use by this process since`);
  lock.release();
  await start({ methods: ['qat'] });
  expect(existsSync(join(folder, 'lock'))).toBe(false);
  const both = await Promise.allSettled([start(), start()]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

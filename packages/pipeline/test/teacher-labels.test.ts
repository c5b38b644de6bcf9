import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostTensor, loadCheckpoint, readConfig, saveModel } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveRunConfig } from '../src/config/run-config.ts';
import { evaluate } from '../src/evaluation/evaluate.ts';
import { run } from '../src/run/run.ts';
import { recorder } from './recorder.ts';
import { writeTinyData, writeTinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-teacher-labels-'));
const at = (name: string) => join(root, name);
const messages: string[] = [];
const reporter = { ...recorder([]), message: (text: string) => void messages.push(text) };
const recipe = { epochs: 2, learningRate: 5e-3, tokensPerBatch: 128 };

async function start(task: string, out: string, teacher?: string) {
  const config = resolveRunConfig({
    ...{ task, data: at('xglue'), model: at('model'), out: at(out), methods: ['ptq'], calibrationBatches: 2 },
    ...{ finetune: recipe, quantized: recipe },
    ...(teacher && { teacher: at(teacher), model: at(teacher) }),
  });
  return run(config, reporter, { backend: tf.getBackend() });
}

/** A copy of a teacher whose head has its outputs in another order, under other names. */
async function reordered(
  from: string,
  to: string,
  labels: readonly (readonly [name: string, old: string])[],
) {
  const { config, head, tensors } = await loadCheckpoint(at(from));
  const changed = new Map<string, HostTensor>(tensors);
  for (const name of ['classifier.weight', 'classifier.bias']) {
    const { shape, data } = tensors.get(name)!;
    const width = shape[1] ?? 1;
    const rows = labels.map(([, old]) => head!.labels.indexOf(old));
    const values = rows.flatMap((row) =>
      // An output of its own is never the largest.
      row < 0
        ? Array.from({ length: width }, () => (shape.length === 1 ? -1e3 : 0))
        : [...data.subarray(row * width, (row + 1) * width)],
    );
    changed.set(name, { shape: [rows.length, ...shape.slice(1)], data: Float32Array.from(values) });
  }
  cpSync(at(from), at(to), { recursive: true });
  const newHead = { kind: head!.kind, labels: labels.map(([name]) => name) };
  await saveModel(at(to), { config, head: newHead, tensors: changed, tokenizerFrom: at(from) });
}

beforeAll(async () => {
  await tf.setBackend('cpu');
  writeTinyData(at('xglue'));
  await writeTinyModel(at('model'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

it.each([
  ['NC', ['sky', 'farm', 'sea']],
  ['POS', ['VERB', 'DET', 'NOUN', 'ADP', 'CCONJ', 'ADJ']],
])('a teacher of %s with its labels in another order scores as it does alone', async (task, order) => {
  const first = await start(task, task);
  await reordered(
    `${task}/teacher`,
    `${task}-other`,
    order.map((label) => [label, label]),
  );
  const { scores } = await evaluate({ model: at(`${task}-other`), task, data: at('xglue') }, reporter);
  expect(scores).toEqual(first.scores!.fp32);
  messages.length = 0;
  const second = await start(task, `${task}-second`, `${task}-other`);
  expect(second.scores!.fp32).toEqual(scores);
  expect(messages.join()).not.toContain('left out');
});

it('labels in another case are matched, and those that the task lacks are listed and kept', async () => {
  const labels = [
    ['other', ''],
    ['SEA', 'sea'],
    ['Sky', 'sky'],
    ['farm', 'farm'],
  ] as const;
  await reordered('NC/teacher', 'more', labels);
  const { scores } = await start('NC', 'more-run', 'more');
  expect(scores!.fp32).toEqual((await start('NC', 'again', 'NC/teacher')).scores!.fp32);
  expect(messages).toContain(
    'The teacher has labels that the task does not have, which the student keeps: other.',
  );
  for (const made of ['more-run/teacher', 'more-run/student']) {
    expect((await readConfig(at(made))).head!.labels).toEqual(['other', 'sea', 'sky', 'farm']);
  }
  // Given again, it goes on from what is there.
  expect((await start('NC', 'more-run', 'more')).scores).toEqual(scores);
});

it('labels that match none are listed, before anything is written', async () => {
  await reordered('NC/teacher', 'wrong', [
    ['water', 'sea'],
    ['sky', 'sky'],
    ['farm', 'farm'],
  ]);
  await expect(start('NC', 'wrong-run', 'wrong')).rejects.toMatchObject({
    code: 'bad-label',
    message: `${at('wrong')} has no output for the labels sea. Of its own labels these match none: water.`,
  });
});

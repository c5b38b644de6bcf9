import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTinyModel } from '../../pipeline/test/tiny-task.ts';
import { answerTexts, type TextAnswer, type TextInput } from './answer-texts.ts';
import { type LoadedClassifier, loadClassifier } from './load-classifier.ts';

let root: string;
const models: Record<string, LoadedClassifier> = {};

beforeAll(async () => {
  await tf.setBackend('cpu');
  root = mkdtempSync(join(tmpdir(), 'sdq-answers-'));
  for (const [kind, labels] of [
    ['sequence-classification', ['x', 'y', 'z']],
    ['token-classification', ['N', 'V']],
    ['question-answering', ['start', 'end']],
  ] as const) {
    const before = tf.memory().numTensors;
    await writeTinyModel(join(root, kind), 16, { kind, labels });
    models[kind] = await loadClassifier(join(root, kind));
    expect(tf.memory().numTensors).toBeGreaterThan(before);
  }
});

afterAll(async () => {
  for (const model of Object.values(models)) await model.close();
  // All that loading took is free again.
  expect(tf.memory().numTensors).toBe(0);
  rmSync(root, { recursive: true });
});

async function answers(kind: string, ...texts: TextInput[]): Promise<TextAnswer[]> {
  const found = await answerTexts(models[kind]!, texts);
  return found.map((one) => {
    if ('answer' in one) return one.answer;
    throw new Error(one.error.message);
  });
}

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

it('the probabilities of labels are the softmax of the logits', async () => {
  const model = models['sequence-classification']!;
  const [answer] = await answers('sequence-classification', 'the cow');
  if (answer?.kind !== 'sequence-classification') throw new Error('another kind');
  const ids = model.tokenizer.encode('the cow', undefined, 32);
  const batch = { ids, offsets: Int32Array.of(0, ids.length) };
  const expected = tf.tidy(() => tf.softmax(model.classify(batch) as tf.Tensor2D).dataSync());
  expect(Object.keys(answer.probabilities)).toEqual(['x', 'y', 'z']);
  Object.values(answer.probabilities).forEach((one, i) => {
    expect(one).toBeCloseTo(expected[i]!, 6);
  });
  expect(sum(Object.values(answer.probabilities))).toBeCloseTo(1, 12);
  expect(answer.probabilities[answer.label]).toBe(Math.max(...Object.values(answer.probabilities)));
});

it('each word has its own probabilities, and a word that is cut off has none', async () => {
  const words = Array.from({ length: 40 }, (_, i) => ['cow', 'saw', 'star'][i % 3]!);
  const [answer] = await answers('token-classification', words.join('  '));
  if (answer?.kind !== 'token-classification') throw new Error('another kind');
  expect(answer.words).toEqual(words);
  expect(answer.cut).toBe(true);
  answer.labels.forEach((label, i) => {
    const probabilities = answer.probabilities[i]!;
    // Two of the 32 tokens are special.
    expect(probabilities === null).toBe(i >= 30);
    expect(label === '').toBe(i >= 30);
    if (probabilities === null) return;
    expect(sum(Object.values(probabilities))).toBeCloseTo(1, 12);
    expect(probabilities[label]).toBeGreaterThanOrEqual(0.5);
  });
});

it('an answer has the probability of its start and its end', async () => {
  const context = 'the cow and the fish near a star';
  const [answer] = await answers('question-answering', { question: 'the wave', context });
  if (answer?.kind !== 'question-answering') throw new Error('another kind');
  expect(answer.probabilities).toEqual(answer.answers.map(({ probability }) => probability));
  expect(answer.probabilities).toEqual([...answer.probabilities].sort((a, b) => b - a));
  const model = models['question-answering']!;
  const [window] = model.tokenizer.encodeWindows('the wave', context, 32, 10);
  const { ids, contextRow } = window!;
  const logits = tf.tidy(() => model.classify({ ids, offsets: Int32Array.of(0, ids.length) }));
  const [starts, ends] = tf.tidy(() =>
    [0, 1].map((at) => tf.softmax(logits.slice([0, at], [-1, 1]).flatten()).dataSync()),
  );
  logits.dispose();
  const [{ start, end, probability }] = answer.answers as [(typeof answer.answers)[0]];
  const [first, last] = [window!.starts.indexOf(start), window!.ends.indexOf(end)];
  expect(probability).toBeCloseTo(starts![contextRow + first]! * ends![contextRow + last]!, 6);
  expect((await answers('question-answering', 'a question alone'))[0]).toMatchObject({
    answer: '',
    probabilities: [],
  });
});

it('a text with a logit that is not finite has an error, the others have answers', async () => {
  const model = models['sequence-classification']!;
  const classify: LoadedClassifier['classify'] = (batch) => {
    const longest = batch.offsets.reduce(
      (most, end, i) => Math.max(most, end - (batch.offsets[i - 1] ?? 0)),
      0,
    );
    const rows = [...batch.offsets.slice(1)].map((end, i) => {
      const length = end - batch.offsets[i]!;
      return length === longest ? [0, Number.NaN, 0] : [0, 1, 0];
    });
    return tf.tensor2d(rows);
  };
  const found = await answerTexts({ ...model, classify }, ['the cow and a star', 'the cow', 'star']);
  expect(
    found.map((one) => ('error' in one ? one.error.code : (one.answer as { label: string }).label)),
  ).toEqual(['bad-value', 'y', 'y']);
});

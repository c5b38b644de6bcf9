import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { writeTinyModel } from '../../pipeline/test/tiny-task.ts';
import { answerTexts } from './answer-texts.ts';
import { loadClassifier } from './load-classifier.ts';
import { type LoadEncoderOptions, loadEncoder, type ServedEncoder } from './load-encoder.ts';

let root: string;
const at = (name: string) => join(root, name);
const open: ServedEncoder[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sdq-serve-'));
  await writeTinyModel(at('topics'), 16, { kind: 'sequence-classification', labels: ['x', 'y', 'z'] });
  await writeTinyModel(at('tags'), 16, { kind: 'token-classification', labels: ['N', 'V'] });
  await writeTinyModel(at('answers'), 16, { kind: 'question-answering', labels: ['start', 'end'] });
  await writeTinyModel(at('headless'));
});

afterEach(async () => {
  for (const encoder of open.splice(0)) await encoder.close();
});

afterAll(() => rmSync(root, { recursive: true }));

async function load(name: string, options?: LoadEncoderOptions): Promise<ServedEncoder> {
  const encoder = await loadEncoder(at(name), options);
  open.push(encoder);
  return encoder;
}

const inputs = {
  topics: ['the cow', { text: 'star', pair: 'the moon' }, ''],
  tags: ['the  old cow', { text: 'a', pair: 'b c' }, ''],
  answers: [{ question: 'near the wave', context: 'the cow and the fish' }, 'the cow', ''],
};

it.each(Object.entries(inputs))('answers as the model does in the same thread: %s', async (name, texts) => {
  const encoder = await load(name);
  const found = await encoder.predict(texts);
  expect(found).toEqual(await answerTexts(await loadClassifier(at(name)), texts));
  expect(found.map((one) => 'answer' in one && one.answer.kind)).toEqual(texts.map(() => encoder.head.kind));
  expect(encoder.quantized).toBe(false);
});

it('puts the texts of calls that come together into batches, and each answer where it belongs', async () => {
  const encoder = await load('tags', { maxBatch: 8 });
  const words = ['cow', 'barn', 'star', 'moon', 'wave', 'the', 'old'];
  const calls = Array.from({ length: 20 }, (_, i) =>
    words.slice(0, 1 + (i % 7)).map((word) => `${word} ${i}`),
  );
  const found = await Promise.all(calls.map((texts) => encoder.predict(texts)));
  found.forEach((answers, i) => {
    expect(answers.map((one) => 'answer' in one && 'words' in one.answer && one.answer.words)).toEqual(
      calls[i]!.map((text) => text.split(' ')),
    );
  });
  const texts = calls.flat().length;
  const { answered, waiting, batches, latencyMs } = encoder.stats();
  expect({ answered, waiting }).toEqual({ answered: texts, waiting: 0 });
  // The first call starts a batch of its own; the others wait together meanwhile.
  expect(batches).toBe(1 + Math.ceil((texts - 1) / 8));
  expect(latencyMs.p50).toBeGreaterThan(0);
  expect(latencyMs.p99).toBeGreaterThanOrEqual(latencyMs.p90);
});

it('refuses texts while too many wait, and answers those that do', async () => {
  const encoder = await load('topics', { maxBatch: 1, maxWaiting: 3 });
  const first = encoder.predict(['cow', 'star', 'moon']);
  // One is in the worker, two wait: of two more one would be too many.
  await expect(encoder.predict(['wave', 'boat'])).rejects.toMatchObject({ code: 'unavailable' });
  const second = encoder.predict(['wave']);
  expect(await first).toHaveLength(3);
  expect(await second).toHaveLength(1);
  await expect(encoder.predict(['a', 'b', 'c', 'd'])).rejects.toThrow(
    '4 texts at once are more than the 3 that may wait',
  );
  expect(encoder.stats()).toMatchObject({ answered: 4, waiting: 0 });
});

it.each(Object.keys(inputs))('a text that has no answer fails no other text, nor call: %s', async (name) => {
  const encoder = await load(name);
  // The model takes 32 tokens.
  const long = 'cow '.repeat(5000);
  const bad = [null, 7, {}, { text: 'a' }, { question: 'a', context: null }] as unknown as string[];
  const [mixed, own] = await Promise.all([
    encoder.predict(['the cow', ...bad, { question: long, context: long }, long]),
    encoder.predict(['the cow']),
  ]);
  expect(mixed.map((one) => ('answer' in one ? (one.answer.cut ?? 'whole') : one.error.code))).toEqual([
    'whole',
    ...bad.map(() => 'bad-data'),
    true,
    true,
  ]);
  expect(own[0]).toEqual(mixed[0]);
});

it('drops the texts of a call that is aborted', async () => {
  const encoder = await load('topics', { maxBatch: 1 });
  const abort = new AbortController();
  const [kept, dropped] = [
    encoder.predict(['cow', 'star']),
    encoder.predict(['moon', 'moon', 'moon'], { signal: abort.signal }),
  ];
  abort.abort(new Error('no longer wanted'));
  await expect(dropped).rejects.toThrow('no longer wanted');
  expect(await kept).toHaveLength(2);
  expect(encoder.stats()).toMatchObject({ answered: 2, waiting: 0 });
  await expect(encoder.predict(['cow'], { signal: abort.signal })).rejects.toThrow('no longer wanted');
});

it('answers what waits when it is closed, and nothing after', async () => {
  const encoder = await load('topics', { maxBatch: 1 });
  const answers = encoder.predict(['cow', 'star', 'moon']);
  await encoder.close();
  expect(await answers).toHaveLength(3);
  await expect(encoder.predict(['cow'])).rejects.toMatchObject({ code: 'unavailable' });
});

it('imports a module that sets up the backend', async () => {
  writeFileSync(at('setup.mjs'), `throw new Error('the setup ran');`);
  await expect(load('topics', { setup: pathToFileURL(at('setup.mjs')).href })).rejects.toThrow(
    'the setup ran',
  );
});

it('says what is wrong before it is asked', async () => {
  await expect(load('none')).rejects.toMatchObject({ code: 'path-not-found' });
  await expect(load('headless')).rejects.toThrow(/has no classification head/);
  await expect(load('topics', { workers: 0 })).rejects.toThrow('workers is 0: give a whole number above 0');
  writeFileSync(at('tags/tokenizer.json'), '{');
  await expect(load('tags')).rejects.toMatchObject({ code: 'bad-checkpoint' });
});

import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { unigramTokenizer, wordPieceTokenizer } from '../../test/tiny-tokenizer.ts';
import { cachedDefaultCheckpoint } from '../hub/fetch-checkpoint.ts';
import { loadTokenizer } from '../tokenizer/tokenizer.ts';
import { trimTokenizer } from './trim-tokenizer.ts';

const folder = temporaryFolder();

async function load(json: unknown) {
  await writeFile(join(folder.path, 'tokenizer.json'), JSON.stringify(json));
  return loadTokenizer(folder.path);
}

/** Trimmed to the pieces of some texts. */
async function trimmedTo(json: object, texts: readonly string[]) {
  const whole = await load(json);
  const keep = new Set(texts.flatMap((text) => [...whole.encode(text, undefined, 512)]));
  const { json: trimmed, keptIds } = trimTokenizer(json, keep, 1, 'tokenizer.json');
  return { whole, trimmed: await load(trimmed), keptIds };
}

describe.each([
  ['Unigram', unigramTokenizer(), ['the cats sat.'], 'the sat cats the', [0, 1, 2, 3, 5, 6, 7, 8, 12]],
  ['WordPiece', wordPieceTokenizer(), ['the cats.'], 'cats the', [0, 1, 2, 3, 4, 5, 6, 9]],
] as const)('%s', (_, json, texts, covered, ids) => {
  it('cuts covered texts into the same pieces under new numbers, special tokens where they were', async () => {
    const { whole, trimmed, keptIds } = await trimmedTo(json, texts);
    expect([...keptIds]).toEqual(ids);
    for (const pair of [undefined, 'the cats']) {
      const now = trimmed.encodeTyped(covered, pair, 32);
      const before = whole.encodeTyped(covered, pair, 32);
      expect([...now.ids].map((id) => keptIds[id])).toEqual([...before.ids]);
      expect(now.tokenTypes).toEqual(before.tokenTypes);
    }
    expect([...trimmed.encode('dog', undefined, 32)].map((id) => keptIds[id])).toContain(whole.unknownId);
  });

  it('keeps all when all are kept', () => {
    const { keptIds } = trimTokenizer(json, new Set(), 99, 'x');
    const all = trimTokenizer(json, new Set(keptIds), 0, 'x');
    expect(all.json).toEqual(json);
    expect(all.keptIds).toEqual(keptIds);
  });
});

it('gives the best segmentation of any covered text among random pieces', async () => {
  const random = new Random(3);
  const letters = ['a', 'b', 'c'];
  const word = (length: number) =>
    Array.from({ length }, () => letters[Math.floor(random.uniform() * 3)]!).join('');
  const pieces = new Set(['<s>', '<pad>', '</s>', '<unk>', '▁', ...letters]);
  while (pieces.size < 60)
    pieces.add((random.uniform() < 0.3 ? '▁' : '') + word(1 + Math.floor(random.uniform() * 4)));
  const json = {
    ...unigramTokenizer(),
    model: {
      type: 'Unigram',
      unk_id: 3,
      vocab: [...pieces].map((piece, id) => [piece, id < 4 ? 0 : -1 - 9 * random.uniform()]),
    },
  };
  const texts = Array.from({ length: 20 }, () => `${word(6)} ${word(9)}`);
  const { whole, trimmed, keptIds } = await trimmedTo(json, texts);
  expect(keptIds.length).toBeLessThan(60);
  for (const text of texts) {
    const now = trimmed.encode(text, undefined, 64);
    expect([...now].map((id) => keptIds[id])).toEqual([...whole.encode(text, undefined, 64)]);
  }
});

it('moves the ids of added tokens after the vocabulary, of padding and of a post-processor', () => {
  const json = {
    added_tokens: [
      { id: 1, content: '<pad>' },
      { id: 5, content: '<mask>' },
    ],
    padding: { pad_id: 1 },
    post_processor: { type: 'RobertaProcessing', sep: ['</s>', 4], cls: ['<s>', 0] },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ['<s>', 0],
        ['<pad>', 0],
        ['<unk>', 0],
        ['x', 0],
        ['</s>', 0],
      ],
    },
  };
  const { json: trimmed, keptIds } = trimTokenizer(json, new Set([4]), 1, 'x');
  expect([...keptIds]).toEqual([0, 1, 2, 4, 5]);
  expect(trimmed).toEqual({
    added_tokens: [
      { id: 1, content: '<pad>' },
      { id: 4, content: '<mask>' },
    ],
    padding: { pad_id: 1 },
    post_processor: { type: 'RobertaProcessing', sep: ['</s>', 3], cls: ['<s>', 0] },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ['<s>', 0],
        ['<pad>', 0],
        ['<unk>', 0],
        ['</s>', 0],
      ],
    },
  });
});

it('keeps the piece that decides what an unknown character costs', async () => {
  const json = {
    ...unigramTokenizer(),
    model: {
      type: 'Unigram',
      unk_id: 3,
      vocab: [
        ...['<s>', '<pad>', '</s>', '<unk>'].map((piece) => [piece, 0]),
        ...[
          ['▁', -2],
          ['ab', -12],
          ['c', -12],
          ['bc', -1],
          ['rare', -30],
          ['a', -29],
        ],
      ],
    },
  };
  const { whole, trimmed, keptIds } = await trimmedTo(json, ['abc', 'bc']);
  expect(keptIds).toContain(8);
  expect(keptIds).not.toContain(9);
  const now = trimmed.encode('abc', undefined, 16);
  expect([...now].map((id) => keptIds[id])).toEqual([...whole.encode('abc', undefined, 16)]);
});

it('keeps the pieces of bytes where the model falls back to them', async () => {
  const vocab = (unigramTokenizer() as { model: { vocab: [string, number][] } }).model.vocab;
  const bytes = Array.from({ length: 256 }, (_, byte) => [
    `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    -30,
  ]);
  const json = {
    ...unigramTokenizer(),
    model: { type: 'Unigram', unk_id: 3, byte_fallback: true, vocab: [...vocab, ...bytes] },
  };
  const { whole, trimmed, keptIds } = await trimmedTo(json, ['the cat', '.']);
  expect(keptIds.length).toBeGreaterThan(256);
  const now = [...trimmed.encode('the \u2603', undefined, 16)].map((id) => keptIds[id]);
  expect(now).toEqual([...whole.encode('the \u2603', undefined, 16)]);
  expect(now).toHaveLength(7);
});

it('trims models whose kind the file does not say', () => {
  for (const whole of [unigramTokenizer(), wordPieceTokenizer()] as { model: { type?: string } }[]) {
    const { type: _, ...model } = whole.model;
    const found = trimTokenizer({ ...whole, model }, new Set([4]), 1, 'x');
    expect(found).toEqual(trimTokenizer(whole, new Set([4]), 1, 'x'));
  }
});

it('refuses what it cannot trim', () => {
  const bpe = { model: { type: 'BPE', vocab: {}, merges: [] } };
  expect(() => trimTokenizer(bpe, new Set(), 0, 'a.json')).toThrow(
    /a\.json cannot be trimmed.*"model\.type"/,
  );
  expect(() => trimTokenizer(unigramTokenizer(), new Set([99]), 0, 'a.json')).toThrow('has no piece 99');
  const broken = { ...unigramTokenizer(), padding: { pad_id: 77 } };
  expect(() => trimTokenizer(broken, new Set(), 0, 'a.json')).toThrow('names a token 77');
});

const e5 = cachedDefaultCheckpoint();
const e5Tokenizer = e5 === undefined ? '' : join(e5, 'tokenizer.json');

it.skipIf(!existsSync(e5Tokenizer))("trims multilingual-e5-small's tokenizer", async () => {
  const texts = [
    'The cats sat on the mat.',
    'Die Katzen saßen auf der Matte.',
    'แมวนั่งบนเสื่อ',
    '猫坐在垫子上。',
  ];
  const { whole, trimmed, keptIds } = await trimmedTo(JSON.parse(readFileSync(e5Tokenizer, 'utf8')), texts);
  expect(keptIds.length).toBeLessThan(60);
  for (const text of texts) {
    const now = trimmed.encode(text, undefined, 64);
    expect([...now].map((id) => keptIds[id])).toEqual([...whole.encode(text, undefined, 64)]);
  }
});

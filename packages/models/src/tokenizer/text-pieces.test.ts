import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import { unigramTokenizer, wordPieceTokenizer } from '../../test/tiny-tokenizer.ts';
import { digestOracles, oracleTokenizers, piecesOracles } from '../../test/tokenizer-oracles.ts';
import { cachedDefaultCheckpoint } from '../hub/fetch-checkpoint.ts';
import { TextPieces } from './text-pieces.ts';
import { Tokenizer } from './tokenizer.ts';

const files = oracleTokenizers();
const oracles = piecesOracles();

/** White space, and what character maps make white space of. */
const BLANK = /^[\p{White_Space}\p{Cf}\ufffd▁]*$/u;
/** Marks, vowel signs and parts of syllables that join the character before them. */
const JOINED = /^[\p{M}\u1100-\u11ff\u3131-\u3163\uff9e\uff9f]*$/u;

describe.each([...files])('with the file "%s"', (name, file) => {
  const texts = new TextPieces(file);
  const cases = oracles.filter(({ tokenizer }) => tokenizer === name);

  it('gives the ids of the Rust library', () => {
    expect(cases.length).toBeGreaterThan(100);
    for (const { text, ids } of cases) {
      expect({ text, ids: texts.ids(text) }).toEqual({ text, ids });
      expect({ text, ids: texts.placed(text).ids }).toEqual({ text, ids });
    }
  });

  it('gives its offsets, but without white space at the ends and with all marks that joined a character', () => {
    for (const { text, starts, ends } of cases) {
      const own = texts.placed(text);
      for (const [i, start] of own.starts.entries()) {
        const end = own.ends[i]!;
        const where = `piece ${i} of ${JSON.stringify(text)}`;
        if (start === end) {
          // A bare "▁", for which the Rust library names the space or the character after it.
          expect([starts[i], ends[i]], where).toContain(start);
          continue;
        }
        expect(start, where).toBeGreaterThanOrEqual(starts[i]!);
        expect(text.slice(starts[i], start), where).toMatch(BLANK);
        if (end < ends[i]!) expect(text.slice(end, ends[i]), where).toMatch(BLANK);
        else expect(text.slice(ends[i], end), where).toMatch(JOINED);
      }
    }
  });
});

describe.each(['xlmr', 'bert', 'prepend-never', 'flags'])('words with the file "%s"', (name) => {
  const tokenizer = Tokenizer.of(files.get(name)!);
  const space = tokenizer.vocabulary().get('▁');

  it('are aligned with pieces as in the Rust library, but that a word without a piece is the unknown token', () => {
    const cases = oracles.filter(({ tokenizer, inWords }) => tokenizer === name && inWords);
    expect(cases.length).toBeGreaterThan(30);
    for (const { inWords } of cases) {
      const { of: words, ids, words: wordOf } = inWords!;
      const pieces = words.map((_, word) => ids.filter((_, i) => wordOf[i] === word));
      const expected = pieces.map((of) => (of.length === 0 ? [tokenizer.unknownId] : of));
      const found = tokenizer.encodeWords(words, 10_000);
      expect({ words, ids: [...found.ids] }).toEqual({ words, ids: expected.flat() });
      let at = 0;
      for (const [word, of] of expected.entries()) {
        expect(found.firstPiece[word]).toBe(at + (of.length > 1 && of[0] === space ? 1 : 0));
        at += of.length;
      }
    }
  });
});

describe.each(['xlmr', 'prepend-never', 'prepend-first', 'unsplit', 'byte-fallback', 'flags', 'bert-lower'])(
  'random texts with the file "%s"',
  (name) => {
    const parts = [
      'river',
      'a',
      'e\u0301',
      ' ',
      '  ',
      '\u3000',
      '<mask>',
      '<left>',
      'dot',
      '.',
      '\u2603',
      '川は',
      '▁',
      'ﬁ',
      '\u200b',
    ];
    const random = new Random(7);
    const text = () =>
      Array.from({ length: 12 }, () => parts[Math.floor(random.uniform() * parts.length)]).join('');

    it('have the pieces that they have alone, whatever was tokenized before', () => {
      const warm = new TextPieces(files.get(name)!);
      for (let i = 0; i < 40; i++) {
        const next = text();
        expect({ next, ids: warm.ids(next) }).toEqual({
          next,
          ids: new TextPieces(files.get(name)!).ids(next),
        });
      }
    });

    it('keep the pieces of a sentence that others follow', () => {
      const texts = new TextPieces(files.get(name)!);
      for (let i = 0; i < 100; i++) {
        const ids = texts.ids('the river');
        expect(texts.ids(`the river ${text()}`).slice(0, ids.length)).toEqual(ids);
      }
    });
  },
);

it('places the pieces of words without spaces, of one character that became several, and of unknown ones', () => {
  const texts = new TextPieces(files.get('xlmr')!);
  const parts = (text: string) => {
    const { starts, ends } = texts.placed(text);
    return starts.map((start, i) => text.slice(start, ends[i]));
  };
  expect(parts('\u0008a river')).toEqual(['a', 'river']);
  expect(parts('ﬁ')).toEqual(expect.arrayContaining(['ﬁ']));
  expect(parts('a\u3000\u2603\u2603b')).toEqual(['a', '', '\u2603\u2603', 'b']);
  expect(parts('\u{1F600} \u{1F600}')).toEqual(['', '\u{1F600}', '', '\u{1F600}']);
});

it('takes a lone surrogate for U+FFFD, which is as long', () => {
  for (const file of files.values()) {
    const texts = new TextPieces(file);
    for (const text of ['\ud800', 'river \udc00 hills', 'a\ud83d', '\ude00b'])
      expect(texts.placed(text)).toEqual(texts.placed(text.replaceAll(/[\ud800-\udfff]/gu, '\ufffd')));
  }
});

it('reads models whose kind the file does not say, as those of before 2021', () => {
  for (const whole of [unigramTokenizer(), wordPieceTokenizer()] as { model: { type?: string } }[]) {
    const { type, ...model } = whole.model;
    expect(type).toBeDefined();
    expect(new TextPieces({ ...whole, model }).ids('the cats')).toEqual(
      new TextPieces(whole).ids('the cats'),
    );
  }
});

const cases = new URL('../../../../../shared/cases/', import.meta.url);
const e5 = cachedDefaultCheckpoint();

describe.each(Object.entries(digestOracles()))(
  'the texts of strings.json with the file of %s',
  (name, digests) => {
    const path =
      name === 'multilingual-e5-small'
        ? e5 && join(e5, 'tokenizer.json')
        : new URL(`models/${name}/tokenizer.json`, cases);
    const strings = new URL('strings.json', cases);
    const there = path !== undefined && existsSync(path) && existsSync(strings);

    it.skipIf(!there)(
      `have the reference's ids${there ? '' : ' (skipped: the texts or the file are missing)'}`,
      () => {
        const texts = new TextPieces(JSON.parse(readFileSync(path!, 'utf8')));
        const rows = JSON.parse(readFileSync(strings, 'utf8')) as { text: string }[];
        const found = rows.map(({ text }) => ({ text, digest: digest([text, texts.ids(text)]) }));
        expect(found).toEqual(rows.map(({ text }, i) => ({ text, digest: digests[i] })));
      },
    );
  },
);

/** Of JSON with ASCII alone, as Python writes it. */
function digest(value: unknown): string {
  const json = JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return createHash('sha256').update(json).digest('hex').slice(0, 12);
}

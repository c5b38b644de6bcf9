import { expect, it } from 'vitest';
import { neededPieces } from './needed-pieces.ts';

function needed(vocabulary: readonly string[], counts: Record<string, number>, size: number): string[] {
  const texts = new Map(vocabulary.map((text, id) => [id, text]));
  const byId = new Map(Object.entries(counts).map(([text, n]) => [vocabulary.indexOf(text), n]));
  return [...neededPieces({ counts: byId, texts }, size)].map((id) => texts.get(id)!).sort();
}

const WORDS = ['the', 'ab', 'cb', 'db', 'b'];

it('keeps the most frequent pieces, and the characters by which the others are spelled', () => {
  const counts = { the: 9, ab: 2, cb: 2, db: 2 };
  expect(needed(WORDS, counts, 2)).toEqual(['b', 'the']);
  expect(needed(WORDS, counts, 4)).toEqual(['ab', 'cb', 'db', 'the']);
});

it('gives up a character that is seldom needed before a piece that often is', () => {
  const words = ['the', 'ab', 'x'];
  expect(needed(words, { the: 9, ab: 8, x: 1 }, 2)).toEqual(['ab', 'the']);
  // What holds an unknown character is unknown: it is worth four of a longer piece's uses.
  expect(needed(words, { the: 9, ab: 8, x: 3 }, 2)).toEqual(['the', 'x']);
});

it('keeps all that occur and their characters where there is room, and nothing else', () => {
  expect(needed(WORDS, { the: 2, db: 1 }, 100)).toEqual(['b', 'db', 'the']);
});

it('spells what goes on a word by the characters that go on one', () => {
  const vocabulary = ['the', '##og', '##eg', '##g', 'g'];
  expect(needed(vocabulary, { the: 9, '##og': 3, '##eg': 3 }, 2)).toEqual(['##g', 'the']);
});

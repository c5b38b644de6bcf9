import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { characterMapOracle, everyCharacterOracle } from '../../test/tokenizer-oracles.ts';
import { AlignedText } from './aligned-text.ts';
import { CharacterMap } from './character-map.ts';

const encoded = characterMapOracle();
const normalized = (map: CharacterMap, text: string) => AlignedText.of(text).edit(map.edits(text)).text;

it('maps every character as sentencepiece does', () => {
  const map = CharacterMap.parse(encoded);
  const rows: string[] = [];
  for (let point = 0; point < 0x110000; point++) {
    if (point >= 0xd800 && point < 0xe000) continue;
    rows.push(normalized(map, String.fromCodePoint(point)));
  }
  expect(createHash('sha256').update(rows.join('\n')).digest('hex')).toBe(everyCharacterOracle());
});

it('replaces the longest key at each place, and leaves the rest', () => {
  const map = CharacterMap.parse(encoded);
  expect(map.edits('e\u0301\u0300x')).toEqual([{ from: 0, to: 2, text: 'é' }]);
  expect(map.edits('a\u0302\u0301')).toEqual([{ from: 0, to: 3, text: 'ấ' }]);
  expect(map.edits('\u1112\u1161\u11ab')).toEqual([{ from: 0, to: 3, text: '한' }]);
  expect(map.edits('\u{1d400}\0\u{1f600}')).toEqual([{ from: 0, to: 2, text: 'A' }]);
  expect(map.edits('river')).toEqual([]);
});

it('changes nothing where it is empty', () => {
  expect(CharacterMap.parse('').edits('ﬁ\u3000')).toEqual([]);
});

/** A map of trie units and value bytes. */
function made(units: readonly number[], blob: readonly number[] = [], trieBytes = 4 * units.length): string {
  const bytes = Buffer.alloc(4 + 4 * units.length + blob.length);
  bytes.writeUInt32LE(trieBytes, 0);
  for (const [i, unit] of units.entries()) bytes.writeUInt32LE(unit, 4 + 4 * i);
  bytes.set(blob, 4 + 4 * units.length);
  return bytes.toString('base64');
}

it.each([
  ['no base64', '%', 'is not base64'],
  ['no size', Buffer.alloc(3).toString('base64'), 'of 3 bytes is cut off'],
  ['a trie that is longer than the file', made([0], [], 400), 'is cut off'],
  ['a size that is no number of units', made([0], [0], 3), 'is cut off'],
  ['a value without an end', made([0], [65]), 'last value of the character map is cut off'],
  [
    'a value outside of the values',
    made([0x100 | (1 << 10), 0x80000005], [65, 0]),
    'a value that it does not have',
  ],
  ['a value outside of the trie', made([0x100 | (7 << 10)], [65, 0]), 'a value that it does not have'],
  ['values that are not UTF-8', made([0], [0xff, 0]), 'not UTF-8'],
])('refuses a map with %s', (_, map, message) => {
  expect(() => CharacterMap.parse(map)).toThrow(message);
});

it('refuses a map of more than 16 MB before it reads it', () => {
  expect(() => CharacterMap.parse('A'.repeat(16 * 2 ** 20 + 1))).toThrow('more than 16 MB');
});

it('ends on every damaged map', () => {
  const bytes = Buffer.from(encoded, 'base64');
  const text = 'a\u0301\u3000ﬁ한\u{1f600}'.repeat(100);
  let state = 1;
  for (let trial = 0; trial < 30; trial++) {
    const damaged = Buffer.from(bytes);
    for (let i = 0; i < 2000; i++) {
      state = (state * 48_271) % 2_147_483_647;
      damaged[4 + (state % 40_000)] = state >>> 8;
    }
    try {
      expect(normalized(CharacterMap.parse(damaged.toString('base64')), text).length).toBeGreaterThan(-1);
    } catch (error) {
      expect((error as Error).message).toContain('character map');
    }
  }
  // A trie whose node of "a" is its own child has keys without end.
  const loop = new Array<number>(256).fill(0);
  loop[0x61] = 0x61 | (0x61 << 10);
  expect(CharacterMap.parse(made(loop, [0])).edits('a'.repeat(100_000))).toEqual([]);
});

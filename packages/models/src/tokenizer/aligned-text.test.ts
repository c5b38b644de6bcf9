import { expect, it } from 'vitest';
import { AlignedText } from './aligned-text.ts';

const places = (text: AlignedText) => Array.from(text.text, (_, i) => [text.start(i), text.end(i)]);

it('gives what replaced a range all of it, and nothing to what was taken out', () => {
  const text = AlignedText.of('abcdef', 10).edit([
    { from: 0, to: 1, text: '' },
    { from: 2, to: 4, text: 'XYZ' },
  ]);
  expect(text.text).toBe('bXYZef');
  expect(places(text)).toEqual([
    [11, 12],
    [12, 14],
    [12, 14],
    [12, 14],
    [14, 15],
    [15, 16],
  ]);
});

it('composes edits, slices and prefixes', () => {
  const text = AlignedText.of('a bc')
    .edit([{ from: 1, to: 2, text: '--' }])
    .prepend('_');
  expect(text.text).toBe('_a--bc');
  expect(places(text)).toEqual([
    [0, 0],
    [0, 1],
    [1, 2],
    [1, 2],
    [2, 3],
    [3, 4],
  ]);
  const slice = text.slice(3, 6).prepend('__');
  expect([slice.text, slice.origin]).toEqual(['__-bc', 1]);
  expect(places(slice)).toEqual([
    [1, 1],
    [1, 1],
    [1, 2],
    [2, 3],
    [3, 4],
  ]);
  expect(places(slice.slice(1, 4))).toEqual(places(slice).slice(1, 4));
  const edited = slice.edit([{ from: 1, to: 3, text: 'x' }]);
  expect([edited.text, places(edited)]).toEqual([
    '_xbc',
    [
      [1, 1],
      [1, 2],
      [2, 3],
      [3, 4],
    ],
  ]);
});

it('leaves an empty text without a prefix, and itself without edits', () => {
  expect(AlignedText.of('').prepend('_').text).toBe('');
  const text = AlignedText.of('a');
  expect(text.edit([])).toBe(text);
});

import { expect, it } from 'vitest';
import { pieceOffsets } from './piece-offsets.ts';

const nfkc = (text: string) => text.normalize('NFKC');
const parts = (text: string, pieces: string[], normalize = nfkc) => {
  const { starts, ends } = pieceOffsets(text, pieces, normalize);
  return pieces.map((_, i) => text.slice(starts[i], ends[i]));
};

it('follows pieces through a text without spaces', () => {
  expect(parts('北京是中国首都', ['▁', '北京', '是', '中国', '首都'])).toEqual([
    '',
    '北京',
    '是',
    '中国',
    '首都',
  ]);
});

it('gives the text as it was before it was normalized', () => {
  // Full-width digits, a ligature that becomes two letters, and one character that becomes three.
  expect(parts('１９９５ﬁx…a', ['▁19', '95', 'fi', 'x', '...', 'a'])).toEqual([
    '１９',
    '９５',
    'ﬁ',
    'x',
    '…',
    'a',
  ]);
  // A piece inside of what one character became has all of it.
  expect(parts('ﬁx', ['▁f', 'ix'])).toEqual(['ﬁ', 'ﬁx']);
});

it('takes an accent with its letter', () => {
  expect(parts('cafe\u0301s', ['▁caf', 'é', 's'])).toEqual(['caf', 'e\u0301', 's']);
});

it('keeps to whole characters beyond the basic plane', () => {
  expect(parts('a😀𠀀b', ['▁a', '😀', '𠀀', 'b'])).toEqual(['a', '😀', '𠀀', 'b']);
});

it('gives an unknown piece the text up to the next known one', () => {
  expect(parts('ab☃cd', ['ab', '[UNK]', 'cd'])).toEqual(['ab', '☃', 'cd']);
  expect(parts('☃☃', ['[UNK]'])).toEqual(['☃☃']);
});

it('gives each piece the whole text where letters and pieces do not meet', () => {
  expect(parts('abc', ['▁', 'x', 'abc', 'y'])).toEqual(['', 'abc', 'abc', 'abc']);
});

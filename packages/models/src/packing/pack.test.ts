import { expect, it } from 'vitest';
import { packEncodings } from './pack.ts';

it('puts encodings in a row, with token types only where there are some', () => {
  const plain = { ids: Int32Array.of(0, 5, 2), tokenTypes: Int32Array.of(0, 0, 0) };
  const typed = { ids: Int32Array.of(0, 2), tokenTypes: Int32Array.of(0, 1) };
  expect(packEncodings([plain, plain])).toEqual({
    ids: Int32Array.of(0, 5, 2, 0, 5, 2),
    offsets: Int32Array.of(0, 3, 6),
  });
  expect(packEncodings([plain, typed])).toEqual({
    ids: Int32Array.of(0, 5, 2, 0, 2),
    offsets: Int32Array.of(0, 3, 5),
    tokenTypes: Int32Array.of(0, 0, 0, 0, 1),
  });
  expect(packEncodings([])).toEqual({ ids: new Int32Array(0), offsets: Int32Array.of(0) });
});

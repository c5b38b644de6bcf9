import { expect, it } from 'vitest';
import { joinBlocks } from './codebook.ts';

it('joins the blocks that the codes name, in the type of the entries', () => {
  const codes = Uint8Array.of(2, 0, 2, 1);
  expect(joinBlocks(Int8Array.of(1, -2, 3, 4, 127, -127), codes, 2)).toEqual(
    Int8Array.of(127, -127, 1, -2, 127, -127, 3, 4),
  );
  expect(joinBlocks(Float32Array.of(0.5, 1.5, 2.5), codes, 1)).toEqual(Float32Array.of(2.5, 0.5, 2.5, 1.5));
  expect(joinBlocks(Int8Array.of(7), new Uint8Array(0), 1)).toEqual(new Int8Array(0));
});

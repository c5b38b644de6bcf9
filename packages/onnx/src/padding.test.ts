import { expect, it } from 'vitest';
import { padBatch, unpadRows } from './padding.ts';

const offsets = Int32Array.of(0, 2, 2, 5);

it('fills sequences up to the longest, an empty one too', () => {
  const batch = { ids: Int32Array.of(7, 8, 4, 5, 6), offsets, tokenTypes: Int32Array.of(0, 1, 0, 0, 1) };
  const { sequences, length, inputs } = padBatch(batch, 1);
  expect([sequences, length]).toEqual([3, 3]);
  expect([...inputs.get('input_ids')!].map(Number)).toEqual([7, 8, 1, 1, 1, 1, 4, 5, 6]);
  expect([...inputs.get('attention_mask')!].map(Number)).toEqual([1, 1, 0, 0, 0, 0, 1, 1, 1]);
  expect([...inputs.get('token_type_ids')!].map(Number)).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 1]);
});

it('picks the rows of tokens out of one array, or of several that become columns', () => {
  const wide = Float32Array.from({ length: 18 }, (_, i) => i);
  expect(unpadRows([wide], offsets, 3)).toEqual({
    shape: [5, 2],
    data: Float32Array.of(0, 1, 2, 3, 12, 13, 14, 15, 16, 17),
  });
  const starts = Float32Array.from({ length: 9 }, (_, i) => i);
  const ends = starts.map((x) => 10 * x);
  expect(unpadRows([starts, ends], offsets, 3).data).toEqual(
    Float32Array.of(0, 0, 1, 10, 6, 60, 7, 70, 8, 80),
  );
});

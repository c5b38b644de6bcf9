import { expect, it } from 'vitest';
import { concatenate } from './concatenate.ts';

it('gives an array of its own', () => {
  const part = Int32Array.of(1, 2);
  expect(concatenate([part, new Int32Array(0), Int32Array.of(3)], Int32Array)).toEqual(
    Int32Array.of(1, 2, 3),
  );
  const alone = concatenate([part], Int32Array);
  alone[0] = 9;
  expect(part[0]).toBe(1);
  expect(concatenate([], Float32Array)).toEqual(new Float32Array(0));
});

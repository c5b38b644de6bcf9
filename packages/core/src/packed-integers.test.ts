import { describe, expect, it } from 'vitest';
import { packIntegers, unpackIntegers } from './packed-integers.ts';
import { Random } from './random.ts';

/** Bit i of the row, by its place alone. */
function bitAt(words: Int32Array, bit: number): bigint {
  return (BigInt.asUintN(32, BigInt(words[bit >> 5]!)) >> BigInt(bit & 31)) & 1n;
}

describe.each([1, 2, 3, 4, 5, 6, 7, 8])('%i bits', (bits) => {
  const random = new Random(bits);
  const draw = () => (bits === 1 ? 2 * random.below(2) - 1 : random.below(2 ** bits) - 2 ** (bits - 1));

  it.each([0, 1, 31, 32, 33, 64, 100])('%i columns come back, in the fewest words', (columns) => {
    const values = Int8Array.from({ length: 3 * columns }, draw);
    const packed = packIntegers(values, [3, columns], bits);
    expect(packed.byteLength).toBe(3 * 4 * Math.ceil((columns * bits) / 32));
    expect(unpackIntegers(packed, [3, columns], bits)).toEqual(values);
  });

  it('has value i at bit i * bits', () => {
    const values = Int8Array.from({ length: 70 }, draw);
    const packed = packIntegers(values, [1, 70], bits);
    values.forEach((value, i) => {
      let code = 0n;
      for (let bit = 0; bit < bits; bit++) code |= bitAt(packed, i * bits + bit) << BigInt(bit);
      expect(code).toBe(BigInt(bits === 1 ? (value + 1) / 2 : value + 2 ** (bits - 1)));
    });
  });
});

it('refuses what does not fit', () => {
  expect(() => packIntegers(Int8Array.of(8), [1, 1], 4)).toThrow('value 8 at [0, 0] does not fit 4 bits');
  expect(() => packIntegers(Int8Array.of(0), [1, 1], 1)).toThrow('does not fit');
  expect(() => packIntegers(Int8Array.of(0), [1, 1], 9)).toThrow('9 bits');
  expect(() => packIntegers(Int8Array.of(0), [1, 2], 4)).toThrow('expected 2');
  expect(() => unpackIntegers(Int32Array.of(0), [1, 9], 4)).toThrow('expected 2');
});

import { SdqError } from './errors.ts';

/**
 * Packs small integers densely into 32-bit words, row by row: value i of a row lies at bit i * bits of the row's words,
 * lowest bit first, and each row starts a new word.
 *
 * The layout is that of `pack-quantized` of the compressed-tensors library: value + 2^(bits-1) is stored. At 1 bit,
 * which that library has no symmetric integers for, -1 is stored as 0 and 1 as 1.
 *
 * @param values - [rows * columns], in [-2^(bits-1), 2^(bits-1) - 1]; at 1 bit each is -1 or 1
 * @param bits - 1 to 8
 * @returns [rows * ceil(columns * bits / 32)]
 * @throws SdqError `bad-option` for other bits; `bad-shape`; `bad-value` when a value does not fit
 *
 * @example
 * ```ts
 * import { packIntegers } from '@sdq/core';
 *
 * packIntegers(Int8Array.of(-8, 1, 7), [1, 3], 4); // Int32Array [0xf90]
 * ```
 */
export function packIntegers(
  values: Int8Array,
  shape: readonly [rows: number, columns: number],
  bits: number,
): Int32Array {
  const [rows, columns] = shape;
  checkBits(bits);
  checkLength('The values', values.length, rows * columns);
  const words = wordsPerRow(columns, bits);
  const packed = new Int32Array(rows * words);
  const { lowest, step } = codesOf(bits);
  const end = step << bits;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column]!;
      const above = value - lowest;
      const code = above >> (step - 1);
      if (above < 0 || above >= end || code * step !== above) {
        throw new SdqError(
          'bad-value',
          `The value ${value} at [${row}, ${column}] does not fit ${bits} bits.`,
        );
      }
      const bit = column * bits;
      const word = row * words + (bit >>> 5);
      packed[word]! |= code << (bit & 31);
      const over = (bit & 31) + bits - 32;
      if (over > 0) packed[word + 1]! |= code >>> (bits - over);
    }
  }
  return packed;
}

/**
 * The integers that {@link packIntegers} packed.
 *
 * @param packed - [rows * ceil(columns * bits / 32)]
 * @throws SdqError `bad-option`, `bad-shape`
 *
 * @example
 * ```ts
 * import { unpackIntegers } from '@sdq/core';
 *
 * unpackIntegers(Int32Array.of(0xf90), [1, 3], 4); // Int8Array [-8, 1, 7]
 * ```
 */
export function unpackIntegers(
  packed: Int32Array,
  shape: readonly [rows: number, columns: number],
  bits: number,
): Int8Array {
  const [rows, columns] = shape;
  checkBits(bits);
  const words = wordsPerRow(columns, bits);
  checkLength('The packed words', packed.length, rows * words);
  const values = new Int8Array(rows * columns);
  const { lowest, step } = codesOf(bits);
  const mask = (1 << bits) - 1;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const bit = column * bits;
      const word = row * words + (bit >>> 5);
      let code = packed[word]! >>> (bit & 31);
      const over = (bit & 31) + bits - 32;
      if (over > 0) code |= packed[word + 1]! << (bits - over);
      code &= mask;
      values[row * columns + column] = lowest + code * step;
    }
  }
  return values;
}

/** The value whose code is 0, and how far apart values of neighbouring codes are. */
function codesOf(bits: number): { lowest: number; step: 1 | 2 } {
  return bits === 1 ? { lowest: -1, step: 2 } : { lowest: -(1 << (bits - 1)), step: 1 };
}

/** The 32-bit words that a row of so many columns takes. */
export function wordsPerRow(columns: number, bits: number): number {
  return Math.ceil((columns * bits) / 32);
}

function checkBits(bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) {
    throw new SdqError('bad-option', `Integers of ${bits} bits cannot be packed: choose 1 to 8.`);
  }
}

function checkLength(what: string, length: number, wanted: number): void {
  if (length !== wanted) throw new SdqError('bad-shape', `${what} count ${length}, expected ${wanted}.`);
}

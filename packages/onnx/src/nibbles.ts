import { type QuantizedRows, SdqError } from '@sdq/core';

// Where the whole row has one scale, it is repeated for blocks of this length.
const ROW_BLOCK = 32;
// onnxruntime's kernels take these.
const BLOCKS = [16, 32, 64, 128, 256];

const ZERO = 8;

/** How many elements of a row share a scale in MatMulNBits. */
export function nibbleBlock(name: string, { groupSize = ROW_BLOCK }: QuantizedRows): number {
  if (BLOCKS.includes(groupSize)) return groupSize;
  throw new SdqError(
    'bad-option',
    `"${name}" has a scale for each ${groupSize} columns: MatMulNBits takes ${BLOCKS.join(', ')}.`,
  );
}

/**
 * A weight [out, in] of at most 4 bits as MatMulNBits reads it: [out, blocks, block / 2], two elements a byte, the
 * first in the low nibble, each plus 8; the last block of a row is filled up with zeros.
 */
export function packNibbles({ shape: [rows, columns], values }: QuantizedRows, block: number): Uint8Array {
  const rowBytes = (Math.ceil(columns / block) * block) / 2;
  const packed = new Uint8Array(rows * rowBytes).fill(ZERO | (ZERO << 4));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * rowBytes + (column >> 1);
      const shift = 4 * (column & 1);
      packed[at] = (packed[at]! & ~(15 << shift)) | ((values[row * columns + column]! + ZERO) << shift);
    }
  }
  return packed;
}

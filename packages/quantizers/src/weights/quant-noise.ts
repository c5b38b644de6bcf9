import { hash32, SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';

/** Which blocks of a weight one step of training quantizes. */
export interface QuantNoise {
  /** The share p of blocks that is quantized, in [0, 1]; 1 quantizes all, as evaluation does. */
  readonly share: number;
  /** How many neighbouring inputs of a row are drawn together. */
  readonly blockSize: number;
  /** Of the counter-based generator: the seed, the row and the block decide, on every backend alike. */
  readonly seed: number;
}

/**
 * A weight of which a random share of blocks is quantized and the rest is left as it is, not rescaled.
 *
 * The gradient reaches the weight directly where a block is float, and through the quantizer's own straight-through
 * gradient where it is quantized. Neither the weight nor the quantized weight is changed. Source: Fan et al. 2020,
 * "Training with Quantization Noise for Extreme Model Compression", section 4.
 *
 * @param weight - [rows, columns], the master weight
 * @param quantized - [rows, columns], what a quantizer made of it
 * @param rowIds - [rows], for rows gathered from a table: which rows of it they are, so that a row has the same blocks
 * wherever and however often it is gathered; by default the rows are numbered as they come
 * @returns [rows, columns]
 * @throws SdqError `bad-option` when the share or block size is out of range; `bad-shape` when the row ids are not as many
 * as the rows
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { perChannel, quantNoise } from '@sdq/quantizers';
 *
 * const weight = tf.tensor2d([[0.9, -0.2, 0.5, 0.1]]);
 * const noise = { share: 1, blockSize: 2, seed: 7 };
 * quantNoise(weight, perChannel(1).fakeQuantize(weight), noise).dataSync(); // [0.425, -0.425, 0.425, 0.425]
 * ```
 */
export function quantNoise(
  weight: tf.Tensor,
  quantized: tf.Tensor,
  noise: QuantNoise,
  rowIds?: Int32Array,
): tf.Tensor {
  const [rows, columns] = weight.shape as [number, number];
  if (rowIds && rowIds.length !== rows) {
    throw new SdqError('bad-shape', `${rowIds.length} row ids do not fit the ${rows} rows of noise.`);
  }
  const mask = noiseMask(rows, columns, noise, rowIds);
  if (mask === 'all') return quantized;
  const { blockSize } = noise;
  const op = tf.customGrad((first, second) => {
    const [weight, quantized] = [first as tf.Tensor, second as tf.Tensor];
    return {
      value: mixed(mask, blockSize, quantized, weight),
      gradFunc: (dy: tf.Tensor) => parted(mask, blockSize, dy),
    };
  });
  return op(weight, quantized);
}

/** p of each step: the same throughout. */
export function constantShare(share: number): (step: number, totalSteps: number) => number {
  requireShare(share);
  return () => share;
}

/**
 * p of each step: from one share at the first step to another at the last, in a line.
 *
 * @throws SdqError `bad-option` when a share is not in [0, 1]
 *
 * @example
 * ```ts
 * import { linearShare } from '@sdq/quantizers';
 *
 * linearShare(0.1, 1)(50, 101); // 0.55
 * ```
 */
export function linearShare(from: number, to: number): (step: number, totalSteps: number) => number {
  requireShare(from);
  requireShare(to);
  return (step, totalSteps) =>
    from + (to - from) * (totalSteps > 1 ? Math.min(1, step / (totalSteps - 1)) : 1);
}

/** For each block, row after row, whether it is quantized. */
function noiseMask(
  rows: number,
  columns: number,
  { share, blockSize, seed }: QuantNoise,
  rowIds: Int32Array | undefined,
): Uint8Array | 'all' {
  requireShare(share);
  if (!Number.isInteger(blockSize) || blockSize < 1) {
    throw new SdqError(
      'bad-option',
      `A noise block cannot have ${blockSize} inputs: choose a positive integer.`,
    );
  }
  if (share === 1) return 'all';
  const limit = share * 2 ** 32;
  const blocks = Math.ceil(columns / blockSize);
  const mask = new Uint8Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    const first = (rowIds ? rowIds[row]! : row) * blocks;
    for (let block = 0; block < blocks; block++) {
      mask[row * blocks + block] = hash32(seed, first + block) < limit ? 1 : 0;
    }
  }
  return mask;
}

/** The blocks that are drawn from one matrix, the others from another. */
function mixed(mask: Uint8Array, blockSize: number, drawn: tf.Tensor, rest: tf.Tensor): tf.Tensor2D {
  const shape = drawn.shape as [number, number];
  const from = drawn.dataSync();
  const result = new Float32Array(rest.dataSync());
  forDrawn(mask, blockSize, shape, (start, end) => {
    for (let i = start; i < end; i++) result[i] = from[i]!;
  });
  return tf.tensor2d(result, shape);
}

/** A matrix without the blocks that are drawn, and one of these alone. */
function parted(mask: Uint8Array, blockSize: number, x: tf.Tensor): [tf.Tensor2D, tf.Tensor2D] {
  const shape = x.shape as [number, number];
  const rest = new Float32Array(x.dataSync());
  const drawn = new Float32Array(rest.length);
  forDrawn(mask, blockSize, shape, (start, end) => {
    for (let i = start; i < end; i++) {
      drawn[i] = rest[i]!;
      rest[i] = 0;
    }
  });
  return [tf.tensor2d(rest, shape), tf.tensor2d(drawn, shape)];
}

function forDrawn(
  mask: Uint8Array,
  blockSize: number,
  [rows, columns]: [number, number],
  visit: (start: number, end: number) => void,
): void {
  let block = 0;
  for (let row = 0; row < rows; row++) {
    const rowEnd = (row + 1) * columns;
    for (let start = row * columns; start < rowEnd; start += blockSize) {
      if (mask[block++] === 1) visit(start, Math.min(start + blockSize, rowEnd));
    }
  }
}

function requireShare(share: number): void {
  if (!(share >= 0 && share <= 1)) {
    throw new SdqError('bad-option', `The share ${share} of noise is not in [0, 1].`);
  }
}

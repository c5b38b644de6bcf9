import { SdqError, type Site } from '@sdq/core';
import { notFinite } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { valuesOf } from './values-of.ts';

/**
 * The Gram matrix X^T X of a linear's inputs, summed batch by batch in float64: all that the error of its outputs
 * depends on, whatever the number of tokens.
 *
 * Source: Frantar et al. 2023, "GPTQ", section 3 (the Hessian of the layer-wise error is 2 X^T X).
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { Gram } from '@sdq/quantizers';
 *
 * const gram = new Gram(2);
 * gram.add(tf.tensor2d([[1, 2], [3, 4]]));
 * gram.matrix; // [10, 14, 14, 20]
 * ```
 */
export class Gram {
  /** [size, size] */
  readonly matrix: Float64Array;
  /** The token rows added. */
  count = 0;

  constructor(readonly size: number) {
    this.matrix = new Float64Array(size * size);
  }

  /**
   * Adds the rows of x [tokens, size].
   *
   * @throws SdqError `bad-value` when x holds NaN or infinity: names the site
   */
  add(x: tf.Tensor, site?: Site): void {
    const product = valuesOf(() => tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D, true));
    for (let i = 0; i < this.matrix.length; i++) this.matrix[i]! += product[i]!;
    for (let i = 0; i < this.size; i++) {
      if (!(this.matrix[i * (this.size + 1)]! < Infinity)) throw notFinite(site);
    }
    this.count += x.shape[0]!;
  }
}

/**
 * The squared error of a linear's outputs that a change of its weight causes, summed over outputs, a token on average:
 * the trace of E G E^T over the count, E the change and G the Gram matrix.
 *
 * @param weight - [out, in]
 * @param changed - [out, in]
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { Gram, outputError } from '@sdq/quantizers';
 *
 * const gram = new Gram(2);
 * gram.add(tf.tensor2d([[1, 2]]));
 * outputError([1, 1], [1, 0.5], gram); // 1
 * ```
 */
export function outputError(weight: ArrayLike<number>, changed: ArrayLike<number>, gram: Gram): number {
  if (gram.count === 0) return 0;
  return rowErrors(weight, changed, gram).reduce((sum, error) => sum + error, 0) / gram.count;
}

/** Rows that are handled together, so that they and a row of the Gram matrix stay in a core's cache. */
export const ROWS_TOGETHER = 32;

/** The squared error of each output, summed over tokens. */
export function rowErrors(
  weight: ArrayLike<number>,
  changed: ArrayLike<number>,
  { size, matrix }: Gram,
): Float64Array {
  const rows = weight.length / size;
  const errors = new Float64Array(rows);
  const changes = Array.from({ length: Math.min(rows, ROWS_TOGETHER) }, () => new Float64Array(size));
  for (let first = 0; first < rows; first += ROWS_TOGETHER) {
    const count = Math.min(ROWS_TOGETHER, rows - first);
    for (let row = 0; row < count; row++) {
      const start = (first + row) * size;
      for (let i = 0; i < size; i++) changes[row]![i] = weight[start + i]! - changed[start + i]!;
    }
    for (let i = 0; i < size; i++) {
      for (let row = 0; row < count; row++) {
        const change = changes[row]!;
        if (change[i] === 0) continue;
        // The matrix is symmetric: the diagonal once, the rest twice.
        const rest = dot(matrix, i * size, change, i + 1, size);
        errors[first + row]! += change[i]! * (matrix[i * size + i]! * change[i]! + 2 * rest);
      }
    }
  }
  return errors.map((error) => Math.max(0, error));
}

/** The sum of matrix[start + k] * vector[k] over k in [from, to). */
export function dot(
  matrix: Float64Array,
  start: number,
  vector: Float64Array,
  from: number,
  to: number,
): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = from;
  for (; k + 3 < to; k += 4) {
    s0 += matrix[start + k]! * vector[k]!;
    s1 += matrix[start + k + 1]! * vector[k + 1]!;
    s2 += matrix[start + k + 2]! * vector[k + 2]!;
    s3 += matrix[start + k + 3]! * vector[k + 3]!;
  }
  for (; k < to; k++) s0 += matrix[start + k]! * vector[k]!;
  return s0 + s1 + s2 + s3;
}

/** Throws unless a weight [out, in] and the Gram matrix of its inputs fit each other. */
export function checkGram(gram: Gram, { shape }: { readonly shape: readonly number[] }): void {
  if (shape.length !== 2 || gram.size !== shape[1]) {
    throw new SdqError('bad-shape', `A Gram matrix of ${gram.size} inputs does not fit a weight [${shape}].`);
  }
}

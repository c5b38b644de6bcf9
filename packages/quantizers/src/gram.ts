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
  const { size, matrix, count } = gram;
  if (count === 0) return 0;
  const change = new Float64Array(size);
  let error = 0;
  for (let start = 0; start < weight.length; start += size) {
    for (let i = 0; i < size; i++) change[i] = weight[start + i]! - changed[start + i]!;
    for (let i = 0; i < size; i++) {
      if (change[i] === 0) continue;
      // The matrix is symmetric: the diagonal once, the rest twice.
      let sum = 0;
      for (let j = i + 1; j < size; j++) sum += matrix[i * size + j]! * change[j]!;
      error += change[i]! * (matrix[i * size + i]! * change[i]! + 2 * sum);
    }
  }
  return Math.max(0, error) / count;
}

/** Throws unless a weight [out, in] and the Gram matrix of its inputs fit each other. */
export function checkGram(
  gram: Gram,
  weight: ArrayLike<number>,
  shape: readonly [rows: number, columns: number],
): void {
  if (gram.size !== shape[1] || weight.length !== shape[0] * shape[1]) {
    throw new SdqError('bad-shape', `A Gram matrix of ${gram.size} inputs does not fit a weight [${shape}].`);
  }
}

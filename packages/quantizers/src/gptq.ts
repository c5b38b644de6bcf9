import { type Granularity, type QuantizedRows, SdqError, type Site } from '@sdq/core';
import { checkGram, type Gram } from './gram.ts';
import { reverseCholesky } from './reverse-cholesky.ts';
import { checkWeightBits, elementsPerScale, nearestLevel, weightGrid } from './weight-grid.ts';

/** How {@link gptq} runs. */
export interface GptqOptions {
  /** What is added to the diagonal, as a share of its mean; above 0. */
  readonly damping?: number;
  /** Whether columns with the largest inputs are rounded first; the scales of groups are then made beforehand. */
  readonly activationOrder?: boolean;
}

/**
 * Rounds a weight [out, in] column by column, each time moving the error onto the columns that are still to come, so that
 * the outputs on the calibration inputs change least.
 *
 * Source: Frantar et al. 2023, "GPTQ", algorithm 1. The columns still to come are never rewritten: with U U^T the Gram
 * matrix and e the errors so far, column i is rounded at w_i + sum over j < i of U[j, i] / U[i, i] e_j, which is the same
 * (Chen et al. 2025, "The Geometry of LLM Quantization: GPTQ as Babai's Nearest Plane Algorithm", theorem 4).
 *
 * @param weight - [out, in]
 * @param gram - of the inputs
 * @param bits - 1 to 8
 * @throws SdqError `bad-option`; `bad-shape`; `bad-value` when a weight is not finite: names the site
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { Gram, gptq } from '@sdq/quantizers';
 *
 * const gram = new Gram(2);
 * gram.add(tf.tensor2d([[1, 1], [2, 2.1]]));
 * // Rounded alone both would be 1: with inputs that are nearly equal, the second makes up for the first.
 * gptq(Float32Array.of(0.6, 0.6, 3, 0.1), [2, 2], gram, 3, 'tensor').values; // Int8Array [1, 0, 3, 0]
 * ```
 */
export function gptq(
  weight: ArrayLike<number>,
  shape: readonly [rows: number, columns: number],
  gram: Gram,
  bits: number,
  granularity: Granularity,
  options: GptqOptions = {},
  site?: Site,
): QuantizedRows {
  const { damping = 0.01, activationOrder = false } = options;
  const [rows, columns] = shape;
  checkWeightBits(bits);
  if (!(damping > 0)) throw new SdqError('bad-option', `The damping ${damping} is not above 0.`);
  checkGram(gram, weight, shape);
  const size = elementsPerScale(granularity, shape, site);
  const groupSize = Math.min(size, columns);
  const order = activationOrder ? byInput(gram) : undefined;
  const feedback = feedbackOf(gram, damping, order);
  const groups = columns / groupSize;
  const values = new Int8Array(rows * columns);
  const scales = new Float32Array(rows * groups);
  const whole = granularity === 'tensor' ? weightGrid(weight, 0, weight.length, bits, site).scale : undefined;
  const target = new Float64Array(columns);
  const best = new Float64Array(columns);
  const errors = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    for (let group = 0; group < groups; group++) {
      scales[row * groups + group] =
        whole ?? weightGrid(weight, start + group * groupSize, groupSize, bits, site).scale;
    }
    for (let group = 0; group < groups; group++) {
      const from = group * groupSize;
      const to = from + groupSize;
      // What the columns before this group ask of its columns.
      for (let i = from; i < to; i++) {
        target[i] = weight[start + (order ? order[i]! : i)]! + dot(feedback, i * columns, errors, 0, from);
      }
      if (groups > 1 && !order) {
        // The scale is that of the weights which would serve best if this group were not rounded.
        for (let i = from; i < to; i++) {
          best[i] = target[i]! + dot(feedback, i * columns, errors, from, i);
          errors[i] = weight[start + i]! - best[i]!;
        }
        scales[row * groups + group] = weightGrid(best, from, groupSize, bits, site).scale;
      }
      for (let i = from; i < to; i++) {
        const column = order ? order[i]! : i;
        const value = target[i]! + dot(feedback, i * columns, errors, from, i);
        const scale = scales[row * groups + Math.floor(column / groupSize)]!;
        const level = nearestLevel(value, scale, bits);
        values[start + column] = level;
        errors[i] = weight[start + column]! - level * scale;
      }
    }
  }
  const result = { bits, shape, values, scales };
  return typeof granularity === 'string' ? result : { ...result, groupSize };
}

/** The columns by falling size of their inputs. */
function byInput(gram: Gram): Int32Array {
  const energy = (i: number) => gram.matrix[i * (gram.size + 1)]!;
  return Int32Array.from({ length: gram.size }, (_, i) => i).sort((a, b) => energy(b) - energy(a) || a - b);
}

/** [columns, columns]: row i holds, for each column j before it, the share of j's error that i takes. */
function feedbackOf(gram: Gram, damping: number, order: Int32Array | undefined): Float64Array {
  const { size, matrix } = gram;
  let mean = 0;
  for (let i = 0; i < size; i++) mean += matrix[i * (size + 1)]! / size;
  const damped = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const from = (order ? order[i]! : i) * size;
    for (let j = 0; j < size; j++) damped[i * size + j] = matrix[from + (order ? order[j]! : j)]!;
    // Inputs that are all zero tell nothing: each column is then rounded alone.
    damped[i * (size + 1)]! += mean > 0 ? damping * mean : 1;
  }
  const u = reverseCholesky(damped, size);
  const feedback = damped.fill(0);
  for (let i = 0; i < size; i++) {
    const diagonal = u[i * (size + 1)]!;
    for (let j = 0; j < i; j++) feedback[i * size + j] = u[j * size + i]! / diagonal;
  }
  return feedback;
}

/** The sum of matrix[start + k] * vector[k] over k in [from, to). */
function dot(matrix: Float64Array, start: number, vector: Float64Array, from: number, to: number): number {
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

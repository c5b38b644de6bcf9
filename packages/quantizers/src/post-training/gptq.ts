import { type QuantizedRows, SdqError, type Site, type WeightQuantizer } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import { checkGram, dot, type Gram, ROWS_TOGETHER } from '../gram.ts';
import { LevelGrid } from '../weights/index.ts';
import { reverseCholesky } from './reverse-cholesky.ts';

/** How {@link gptq} runs. */
export interface GptqOptions {
  /** What is added to the diagonal, as a share of its mean; above 0. */
  readonly damping?: number;
  /** Whether columns with the largest inputs are rounded first. */
  readonly activationOrder?: boolean;
}

/**
 * Rounds a weight [out, in] to the levels and scales of its quantizer, column by column, each time moving the error onto the
 * columns that are still to come, so that the outputs on the calibration inputs change least.
 *
 * An output on which this does not beat the quantizer's own rounding, or rounding to the nearest level, is rounded so. Groups
 * have the scales that the quantizer gives them; the paper finds them anew on the moved weights. Source: Frantar et al. 2023,
 * "GPTQ", algorithm 1. The columns still to come are never rewritten: with U U^T the Gram matrix and e the errors so far,
 * column i is rounded at w_i + sum over j < i of U[j, i] / U[i, i] e_j, which is the same (Chen et al. 2025, "The Geometry of
 * LLM Quantization: GPTQ as Babai's Nearest Plane Algorithm", theorem 4).
 *
 * @param weight - [out, in]
 * @param gram - of the inputs
 * @param quantizer - states its levels
 * @throws SdqError `bad-option`, for a quantizer that states no levels too: names it and the site; `bad-shape`; `bad-value`
 * when a weight is not finite: names the site
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { Gram, gptq, perTensor } from '@sdq/quantizers';
 *
 * const gram = new Gram(2);
 * gram.add(tf.tensor2d([[1, 1], [2, 2.1]]));
 * // Rounded alone both would be 1: with inputs that are nearly equal, the second makes up for the first.
 * gptq(tf.tensor2d([[0.6, 0.6], [3, 0.1]]), gram, perTensor(3)).values; // Int8Array [1, 0, 3, 0]
 * ```
 */
export function gptq(
  weight: Tensor,
  gram: Gram,
  quantizer: WeightQuantizer,
  options: GptqOptions = {},
  site?: Site,
): QuantizedRows {
  const { damping = 0.01, activationOrder = false } = options;
  if (!(damping > 0)) throw new SdqError('bad-option', `The damping ${damping} is not above 0.`);
  checkGram(gram, weight);
  const grid = new LevelGrid(weight, quantizer, site);
  const columns = gram.size;
  const order = activationOrder ? byInput(gram) : undefined;
  const feedback = feedbackOf(gram, damping, order);
  const values = new Int8Array(grid.weight.length);
  const rows = values.length / columns;
  const errors = Array.from({ length: Math.min(rows, ROWS_TOGETHER) }, () => new Float64Array(columns));
  for (let first = 0; first < rows; first += ROWS_TOGETHER) {
    const count = Math.min(ROWS_TOGETHER, rows - first);
    for (let i = 0; i < columns; i++) {
      const column = order ? order[i]! : i;
      for (let row = 0; row < count; row++) {
        const at = (first + row) * columns + column;
        const scale = grid.scaleAt(at);
        const target = grid.weight[at]! + dot(feedback, i * columns, errors[row]!, 0, i);
        const level = grid.nearest(target, scale);
        values[at] = level;
        errors[row]![i] = grid.weight[at]! - level * scale;
      }
    }
  }
  return grid.best(gram, [values]);
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

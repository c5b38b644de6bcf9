import { SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { notFinite, requireFinite } from './finite.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { roundHalfEven } from './round-half-even.ts';
import { matrixShape } from './shapes.ts';
import { ternaryGrid, ternaryLevel } from './ternary-grid.ts';

const SdqFakeQuantizeRows = 'SdqFakeQuantizeRows';
/** A backend that has it rounds to 2 bits in its other kernels too, by the sums of {@link ternaryGrid}. */
const SdqFakeQuantizeTernaryRows = 'SdqFakeQuantizeTernaryRows';

for (const name of [SdqFakeQuantizeRows, SdqFakeQuantizeTernaryRows]) {
  registerKernelGradient(name, { gradient: ([dy]) => ({ x: () => dy!.clone() }) });
}

/**
 * The values of a weight as a quantized weight holds them: each row on a symmetric grid of its own, whose step is
 * the row's largest magnitude over 2^(bits-1) - 1; 2 bits are ternary, with the scale of {@link ternaryGrid}. The gradient passes
 * straight through.
 *
 * Sources: Wu et al. 2020, "Integer Quantization for Deep Learning Inference", section 4; Li and Liu 2016, "Ternary Weight
 * Networks", section 2.3.
 *
 * @param weight - [rows, columns]
 * @param bits - 2 to 8
 * @param site - where the weight comes from, for the message of an error
 * @returns [rows, columns]; a row of zeros stays so
 * @throws SdqError `bad-shape`; `bad-option`; `bad-value` when the weight holds NaN or infinity
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { fakeQuantizeRows } from '@sdq/kernels';
 *
 * fakeQuantizeRows(tf.tensor2d([[127, 0.6]]), 8).dataSync(); // [127, 1]
 * ```
 */
export function fakeQuantizeRows(weight: tf.Tensor, bits: number, site?: string): tf.Tensor2D {
  const levels = levelsOf(bits);
  matrixShape('fakeQuantizeRows', 'the weight', weight);
  const kernel = bits === 2 ? SdqFakeQuantizeTernaryRows : SdqFakeQuantizeRows;
  if (hasKernel(kernel)) return runKernel(kernel, { x: weight }, { levels, site }) as tf.Tensor2D;
  return withGradient(
    weight,
    (x) => {
      if (x.size === 0) return x.clone() as tf.Tensor2D;
      if (bits === 2) return ternaryRows(x as tf.Tensor2D, site);
      requireFinite(x, site);
      const scale = x.abs().max(1, true).div(levels);
      // A row of zeros would divide by zero.
      const divisor = tf.where(scale.greater(0), scale, tf.onesLike(scale));
      return tf.clipByValue(x.div(divisor), -levels, levels).round().mul(scale) as tf.Tensor2D;
    },
    (dy) => dy.clone(),
  );
}

/**
 * The integers and scales of a weight, on the arithmetic of {@link fakeQuantizeRows}: value * scale is its result.
 *
 * @param weight - [rows, columns]
 * @param bits - 2 to 8
 * @param site - where the weight comes from, for the message of an error
 * @returns values [rows * columns], each in [-(2^(bits-1) - 1), 2^(bits-1) - 1]; scales [rows], 1 for a row of zeros
 * @throws SdqError as {@link fakeQuantizeRows}
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { quantizeRows } from '@sdq/kernels';
 *
 * quantizeRows(tf.tensor2d([[63.5, -10]]), 8).values; // Int8Array [127, -20]
 * ```
 */
export function quantizeRows(
  weight: tf.Tensor,
  bits: number,
  site?: string,
): { values: Int8Array; scales: Float32Array } {
  const levels = levelsOf(bits);
  const [rows, columns] = matrixShape('quantizeRows', 'the weight', weight);
  const floats = weight.dataSync();
  const values = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    if (bits === 2) {
      const grid = ternaryGrid(floats, start, columns, site);
      scales[row] = grid.scale;
      for (let i = start; i < start + columns; i++) values[i] = ternaryLevel(floats[i]!, grid);
      continue;
    }
    let largest = 0;
    for (let i = start; i < start + columns; i++) {
      const magnitude = Math.abs(floats[i]!);
      if (!(magnitude < Infinity)) throw notFinite(site);
      if (magnitude > largest) largest = magnitude;
    }
    const scale = Math.fround(largest / levels);
    scales[row] = scale > 0 ? scale : 1;
    if (scale === 0) continue;
    for (let i = start; i < start + columns; i++) {
      const step = roundHalfEven(Math.fround(floats[i]! / scale));
      values[i] = Math.max(-levels, Math.min(levels, step));
    }
  }
  return { values, scales };
}

function ternaryRows(x: tf.Tensor2D, site?: string): tf.Tensor2D {
  const { values, scales } = quantizeRows(x, 2, site);
  const [, columns] = x.shape;
  return tf.tensor2d(
    Float32Array.from(values, (value, i) => value * scales[Math.floor(i / columns)]!),
    x.shape,
  );
}

/** Whether the backend rounds weights to so many bits in its kernels. */
export function roundsRows(bits: number): boolean {
  return bits > 2 || hasKernel(SdqFakeQuantizeTernaryRows);
}

/** The steps to either side of zero; throws SdqError `bad-option`. */
export function levelsOf(bits: number): number {
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new SdqError('bad-option', `A weight cannot have ${bits} bits: choose 2 to 8.`);
  }
  return 2 ** (bits - 1) - 1;
}

import type { AffineGrid } from '@sdq/core';
import type * as tf from '@tensorflow/tfjs';
import { fakeQuantize, gridSteps } from './fake-quantize.ts';
import { fakeQuantizeRows, levelsOf, roundsRows } from './fake-quantize-rows.ts';
import { linear } from './linear.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { matrixShape, requireShape, requireVector } from './shapes.ts';

const SdqQuantizedLinear = 'SdqQuantizedLinear';

/** The longest sum that 32 bits hold: 255 * 127 * 2^15, and as much again for the zero point. */
const MAX_DEPTH = 2 ** 15;

registerKernelGradient(SdqQuantizedLinear, {
  inputsToSave: ['x', 'weight'],
  gradient: ([dy], [x, weight], attributes) => ({
    x: () => runKernel('SdqQuantizedLinearGradInput', { dy: dy!, x: x!, weight: weight! }, attributes),
    weight: () => runKernel('SdqQuantizedLinearGradWeight', { dy: dy!, x: x! }, attributes),
    bias: () => runKernel('SdqLinearGradBias', { dy: dy! }, {}),
  }),
});

/** How {@link quantizedLinear} rounds its operands. */
export interface LinearQuantization {
  /** The grid of x. */
  readonly grid: AffineGrid;
  /** The bits of the weight, whose rows are rounded as by {@link fakeQuantizeRows}: 2 to 8. */
  readonly bits: number;
  /** Where x and the weight come from, for the message of an error. */
  readonly site?: string;
}

/**
 * The product of rounded operands, linear(fakeQuantize(x, grid), fakeQuantizeRows(weight, bits), bias), with the
 * gradients of that composition: straight through where x lies on its grid, zero where it was clipped.
 *
 * A backend may compute it in integers: sums are exact, and one scale is applied at the end. The result is that of the
 * floats to within their rounding, 2^-24 * (in + 2) * (|x| |weight|^T + |bias|) and in practice far less. Source: Jacob
 * et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
 * sections 2.2 and 3.
 *
 * @param x - [tokens, in]
 * @param weight - [out, in], in floats; its values must not change without the knowledge of tfjs
 * @param bias - [out]
 * @returns [tokens, out]
 * @throws SdqError `bad-shape`; `bad-option` for other bits; `bad-value` when x or the weight holds NaN or infinity,
 * or the grid is invalid
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { quantizedLinear } from '@sdq/kernels';
 *
 * const grid = { scale: 0.5, zeroPoint: 128, qMin: 0, qMax: 255 };
 * const x = tf.tensor2d([[0.6, 2]]); // rounds to [0.5, 2]
 * const weight = tf.tensor2d([[127, 0.6]]); // rounds to [127, 1]
 * quantizedLinear(x, weight, tf.tensor1d([1]), { grid, bits: 8 }).dataSync(); // [66.5]
 * ```
 */
export function quantizedLinear(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  { grid, bits, site }: LinearQuantization,
): tf.Tensor2D {
  const [, width] = matrixShape('quantizedLinear', 'x', x);
  const [out, inner] = matrixShape('quantizedLinear', 'the weight', weight);
  requireShape(
    width === inner,
    () => `quantizedLinear: x is [${x.shape}], but the weight [${weight.shape}].`,
  );
  requireVector('quantizedLinear', 'the bias', bias, out);
  const { scale, low, high } = gridSteps(grid);
  const levels = levelsOf(bits);
  const bytes = low >= -255 && high <= 255 && high - low <= 255;
  if (bytes && width <= MAX_DEPTH && roundsRows(bits) && hasKernel(SdqQuantizedLinear)) {
    const attributes = { scale, low, high, levels, site };
    return runKernel(SdqQuantizedLinear, { x, weight, bias }, attributes) as tf.Tensor2D;
  }
  return linear(fakeQuantize(x, grid, site), fakeQuantizeRows(weight, bits, site), bias);
}

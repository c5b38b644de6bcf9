import { type AffineGrid, SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { requireFinite } from './finite.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';

const SdqFakeQuantize = 'SdqFakeQuantize';

registerKernelGradient(SdqFakeQuantize, {
  inputsToSave: ['x'],
  gradient: ([dy], [x], attributes) => ({
    x: () => runKernel('SdqFakeQuantizeGrad', { x: x!, dy: dy! }, attributes),
  }),
});

/**
 * The values of x as a quantized tensor holds them: on the grid, as floats, (clamp(round(x / scale) + zeroPoint,
 * qMin, qMax) - zeroPoint) * scale, rounding half to even.
 *
 * The gradient passes straight through where x rounds into the grid, and is zero where x was clipped. Source:
 * Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
 * Inference", section 3.
 *
 * @param x - any shape
 * @param grid - at most 2^20 steps
 * @param site - where x comes from, for the message of an error
 * @returns the shape of x
 * @throws SdqError `bad-value` when x holds NaN or infinity, or the grid is invalid
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { fakeQuantize } from '@sdq/kernels';
 *
 * const grid = { scale: 0.5, zeroPoint: 2, qMin: 0, qMax: 255 };
 * fakeQuantize(tf.tensor1d([-3, 0.25, 0.8]), grid).dataSync(); // [-1, 0, 1]
 * ```
 */
export function fakeQuantize(x: tf.Tensor, grid: AffineGrid, site?: string): tf.Tensor {
  const { scale, low, high } = gridSteps(grid);
  if (hasKernel(SdqFakeQuantize)) return runKernel(SdqFakeQuantize, { x }, { scale, low, high, site });
  return withGradient(
    x,
    (x, save) => {
      requireFinite(x, site);
      save([x]);
      return tf.clipByValue(x.div(scale), low, high).round().mul(scale);
    },
    (dy, [x]) => {
      const q = tf.clipByValue(x!.div(scale), low - 1, high + 1).round();
      const inside = tf.logicalAnd(tf.greaterEqual(q, low), tf.lessEqual(q, high));
      return dy.mul(inside.cast('float32'));
    },
  );
}

/** The scale of a grid as float32, and its ends in steps from zero; throws SdqError `bad-value` for what is no grid. */
export function gridSteps(grid: AffineGrid): { scale: number; low: number; high: number } {
  const scale = Math.fround(grid.scale);
  const low = grid.qMin - grid.zeroPoint;
  const high = grid.qMax - grid.zeroPoint;
  const steps = Number.isInteger(low) && Number.isInteger(high) && low <= high;
  if (!steps || Math.max(-low, high) > 2 ** 20 || !(scale > 0) || scale === Infinity) {
    throw new SdqError('bad-value', `${JSON.stringify(grid)} is no grid: calibrate again.`);
  }
  return { scale, low, high };
}

import { SdqError } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import { notFinite } from './finite.ts';
import { hostKernels } from './host-kernels.ts';

/**
 * The smallest and the largest element.
 *
 * @param x - any shape but empty
 * @param site - where x comes from, for the message of an error
 * @throws SdqError `bad-value` when x holds NaN or infinity; `bad-shape` when it is empty
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { minMax } from '@sdq/kernels';
 *
 * minMax(tf.tensor1d([3, -1, 2])); // { min: -1, max: 3 }
 * ```
 */
export function minMax(x: Tensor, site?: string): { min: number; max: number } {
  if (x.size === 0) throw new SdqError('bad-shape', 'An empty tensor has no smallest element.');
  const native = hostKernels();
  if (native) {
    const { min, max, finite } = native.minMax(x);
    if (!finite) throw notFinite(site);
    return { min, max };
  }
  let min = Infinity;
  let max = -Infinity;
  for (const value of x.dataSync()) {
    if (!Number.isFinite(value)) throw notFinite(site);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

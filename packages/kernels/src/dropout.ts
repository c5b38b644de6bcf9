import { hash32, SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';

const SdqDropout = 'SdqDropout';

registerKernelGradient(SdqDropout, {
  // The mask is drawn anew: nothing is kept for the backward pass.
  gradient: ([dy], _, attributes) => ({ x: () => runKernel(SdqDropout, { x: dy! }, attributes) }),
});

/**
 * Zeroes a share of the elements at random and scales the rest by 1 / (1 - rate).
 *
 * Element i is kept when hash32(seed, i) >= rate * 2^32, so a seed gives the same mask on every backend.
 * Source: Srivastava et al. 2014, "Dropout".
 *
 * @param x - any shape
 * @param rate - in [0, 1)
 * @param seed - 32 bits; draw a new one for each call
 * @returns the shape of x
 * @throws SdqError `bad-option` when the rate is out of range
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { dropout } from '@sdq/kernels';
 *
 * dropout(tf.ones([4]), 0.5, 7).max().dataSync(); // [2]
 * ```
 */
export function dropout(x: tf.Tensor, rate: number, seed: number): tf.Tensor {
  if (!(rate >= 0 && rate < 1))
    throw new SdqError('bad-option', `The dropout rate ${rate} is not in [0, 1).`);
  if (rate === 0) return x.clone();
  const threshold = Math.ceil(rate * 2 ** 32);
  const scale = Math.fround(1 / (1 - rate));
  if (hasKernel(SdqDropout)) return runKernel(SdqDropout, { x }, { seed: seed >>> 0, threshold, scale });
  return tf.tidy(() => {
    const mask = new Float32Array(x.size);
    for (let i = 0; i < mask.length; i++) mask[i] = hash32(seed, i) >= threshold ? scale : 0;
    return x.mul(tf.tensor(mask, x.shape));
  });
}

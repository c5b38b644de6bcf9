import * as tf from '@tensorflow/tfjs';
import { hostKernels } from './host-kernels.ts';

/**
 * The length of all tensors read as one vector: the square root of the sum of the squares of all elements.
 *
 * Summed in f64 natively; stock backends sum each tensor in f32. NaN or infinite when an element is.
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { globalNorm } from '@sdq/kernels';
 *
 * globalNorm([tf.tensor1d([3]), tf.tensor1d([4])]); // 5
 * ```
 */
export function globalNorm(tensors: readonly tf.Tensor[]): number {
  if (tensors.length === 0) return 0;
  const native = hostKernels();
  if (native) return Math.sqrt(native.sumOfSquares(tensors));
  const sums = tf.tidy(() => tf.stack(tensors.map((x) => x.square().sum())));
  const total = Array.from(sums.dataSync()).reduce((total, sum) => total + sum, 0);
  sums.dispose();
  return Math.sqrt(total);
}

import * as tf from '@tensorflow/tfjs';

/**
 * The values of a tensor that is computed and disposed.
 *
 * Handed out of `tf.tidy` themselves, they would be searched for tensors, element by element.
 */
export function valuesOf(compute: () => tf.Tensor): Float32Array {
  const tensor = tf.tidy(compute);
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}

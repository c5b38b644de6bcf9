import * as tf from '@tensorflow/tfjs';

/** Keeps tensors for the backward pass. */
export type Save = (tensors: tf.Tensor[]) => void;

/**
 * A function of one tensor with its own gradient: tf.customGrad with honest types.
 *
 * Both passes run without a tape; whatever the gradient reads must be saved.
 */
export function withGradient<T extends tf.Tensor>(
  x: tf.Tensor,
  forward: (x: tf.Tensor, save: Save) => T,
  backward: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor,
): T {
  const op = tf.customGrad((input: tf.Tensor | tf.GradSaveFunc, save: tf.Tensor | tf.GradSaveFunc) => ({
    value: forward(input as tf.Tensor, save as Save),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy, saved),
  }));
  return op(x) as T;
}

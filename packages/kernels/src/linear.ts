import * as tf from '@tensorflow/tfjs';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { matrixShape, requireShape, requireVector } from './shapes.ts';

const SdqLinear = 'SdqLinear';

registerKernelGradient(SdqLinear, {
  inputsToSave: ['x', 'weight'],
  gradient: ([dy], [x, weight]) => ({
    x: () => runKernel('SdqLinearGradInput', { dy: dy!, weight: weight! }, {}),
    weight: () => runKernel('SdqLinearGradWeight', { dy: dy!, x: x! }, {}),
    bias: () => runKernel('SdqLinearGradBias', { dy: dy! }, {}),
  }),
});

/**
 * x times the weight transposed, plus the bias.
 *
 * @param x - [tokens, in]
 * @param weight - [out, in], as checkpoints store it
 * @param bias - [out]
 * @returns [tokens, out]
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { linear } from '@sdq/kernels';
 *
 * linear(tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 4]]), tf.tensor1d([0.5])).dataSync(); // [11.5]
 * ```
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  const [, width] = matrixShape('linear', 'x', x);
  const [out, inner] = matrixShape('linear', 'the weight', weight);
  requireShape(width === inner, () => `linear: x is [${x.shape}], but the weight [${weight.shape}].`);
  requireVector('linear', 'the bias', bias, out);
  if (hasKernel(SdqLinear)) return runKernel(SdqLinear, { x, weight, bias }, {}) as tf.Tensor2D;
  return tf.tidy(() => tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D, false, true).add(bias));
}

import * as tf from '@tensorflow/tfjs';
import {
  hasKernel,
  type KernelAttributes,
  registerKernelGradient,
  runKernel,
  runKernels,
} from './native-kernel.ts';
import { matrixShape, requireVector } from './shapes.ts';

const SdqLayerNorm = 'SdqLayerNorm';

registerKernelGradient(SdqLayerNorm, {
  inputsToSave: ['x', 'gamma'],
  gradient: ([dy], [x, gamma], attributes: KernelAttributes) => {
    const [dx, dGamma, dBeta] = runKernels('SdqLayerNormGrad', { x: x!, gamma: gamma!, dy: dy! }, attributes);
    return { x: () => dx!, gamma: () => dGamma!, beta: () => dBeta! };
  },
});

/**
 * Each row less its mean, over its standard deviation, times gamma, plus beta.
 *
 * Source: Ba et al. 2016, "Layer Normalization".
 *
 * @param x - [tokens, hidden]
 * @param gamma - [hidden]
 * @param beta - [hidden]
 * @param epsilon - > 0, added to the variance
 * @returns [tokens, hidden]
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { layerNorm } from '@sdq/kernels';
 *
 * layerNorm(tf.tensor2d([[1, 3]]), tf.ones([2]), tf.zeros([2]), 1e-12).dataSync(); // [-1, 1]
 * ```
 */
export function layerNorm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): tf.Tensor2D {
  const [, hidden] = matrixShape('layerNorm', 'x', x);
  requireVector('layerNorm', 'gamma', gamma, hidden);
  requireVector('layerNorm', 'beta', beta, hidden);
  if (hasKernel(SdqLayerNorm)) return runKernel(SdqLayerNorm, { x, gamma, beta }, { epsilon }) as tf.Tensor2D;
  return tf.tidy(() => {
    const centred = x.sub(x.mean(1, true));
    const variance = centred.square().mean(1, true);
    return centred.mul(variance.add(epsilon).rsqrt()).mul(gamma).add(beta);
  });
}

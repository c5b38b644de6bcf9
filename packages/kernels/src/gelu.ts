import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';

const SdqGelu = 'SdqGelu';

registerKernelGradient(SdqGelu, {
  inputsToSave: ['x'],
  gradient: ([dy], [x]) => ({ x: () => runKernel('SdqGeluGrad', { x: x!, dy: dy! }, {}) }),
});

/**
 * The Gaussian error linear unit in its exact form: x times the standard normal distribution function of x.
 *
 * Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units". Stock backends use tfjs's erf, which is within
 * 2e-7 absolute.
 *
 * @param x - any shape
 * @returns the shape of x
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { gelu } from '@sdq/kernels';
 *
 * gelu(tf.tensor1d([0, 1])).dataSync(); // [0, 0.8413447]
 * ```
 */
export function gelu(x: tf.Tensor): tf.Tensor {
  if (hasKernel(SdqGelu)) return runKernel(SdqGelu, { x }, {});
  // tfjs's own gradients would keep each intermediate of the forward pass.
  return withGradient(
    x,
    (x, save) => {
      save([x]);
      return cumulative(x).mul(x);
    },
    (dy, [x]) => {
      const density = tf.exp(tf.square(x!).mul(-0.5)).mul(1 / Math.sqrt(2 * Math.PI));
      return density.mul(x!).add(cumulative(x!)).mul(dy);
    },
  );
}

function cumulative(x: tf.Tensor): tf.Tensor {
  return tf.erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5);
}

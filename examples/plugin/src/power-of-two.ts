import { type QuantizedRows, SdqError, type WeightQuantizer } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';

/**
 * Symmetric quantization of a weight [out, in] whose scales, one an output channel, are powers of two: hardware then shifts where
 * it would multiply.
 *
 * Source: Jain et al. 2020, "Trained Quantization Thresholds for Accurate and Efficient Fixed-Point Inference" (arXiv 1903.08066),
 * section 3.1, with the thresholds at the largest magnitudes.
 *
 * @param bits - 2 to 8
 */
export function powerOfTwo(bits: number): WeightQuantizer {
  const limit = 2 ** (bits - 1) - 1;

  /** The smallest power of two for each row that puts all its weights within the integers. */
  function scalesOf(weight: tf.Tensor, site: string | undefined): Float32Array {
    const largest = tf.tidy(() => weight.abs().max(1).dataSync());
    return Float32Array.from(largest, (magnitude) => {
      if (!Number.isFinite(magnitude)) {
        throw new SdqError('bad-value', `The weight of "${site}" has NaN or infinity.`);
      }
      return magnitude === 0 ? 1 : 2 ** Math.ceil(Math.log2(magnitude / limit));
    });
  }

  /** The integers, as a tensor; `tf.round` rounds half to even, as all of sdq does. */
  function integersOf(weight: tf.Tensor, scales: tf.Tensor): tf.Tensor {
    return weight.div(scales).round().clipByValue(-limit, limit);
  }

  return {
    name: `int${bits}-power-of-two`,
    bits,
    granularity: 'channel',
    // What "quantize" can give: GPTQ and AdaRound choose among these.
    levels: Array.from({ length: 2 * limit + 1 }, (_, i) => i - limit),

    // What training sees. The gradient passes straight through, as if nothing were rounded.
    fakeQuantize(weight, site) {
      const straightThrough = tf.customGrad((x) => {
        const scales = tf.tensor2d(scalesOf(x as tf.Tensor, site), [weight.shape[0]!, 1]);
        return {
          value: integersOf(x as tf.Tensor, scales).mul(scales),
          gradFunc: (dy: tf.Tensor) => dy.clone(),
        };
      });
      return straightThrough(weight);
    },

    // What is stored. It must stand for the very floats that fakeQuantize gives.
    quantize(weight, site): QuantizedRows {
      const scales = scalesOf(weight, site);
      const shape = weight.shape as [number, number];
      const integers = tf.tidy(() => integersOf(weight, tf.tensor2d(scales, [shape[0], 1])).dataSync());
      return { bits, shape, values: Int8Array.from(integers), scales };
    },
  };
}

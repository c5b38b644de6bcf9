import { type EncoderOps, SdqError, type Site } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { WrappedOps } from './wrapped-ops.ts';

/**
 * The divisors of a linear's input channels that move the difficulty of quantizing from activations to weights:
 * max|X_j|^alpha / max|W_j|^(1 - alpha), 1 for a channel that is zero in either.
 *
 * Source: Xiao et al. 2023, "SmoothQuant", equation 4.
 *
 * @param activations - [in], the largest magnitude of each input channel
 * @param weights - [in], the largest magnitude of each column, over all the linears that read the input
 * @param alpha - in [0, 1]: how much of the difficulty moves
 * @throws SdqError `bad-option`
 *
 * @example
 * ```ts
 * import { smoothingDivisors } from '@sdq/quantizers';
 *
 * smoothingDivisors(Float32Array.of(16, 1, 0), Float32Array.of(1, 4, 1), 0.5); // Float32Array [4, 0.5, 1]
 * ```
 */
export function smoothingDivisors(
  activations: ArrayLike<number>,
  weights: ArrayLike<number>,
  alpha: number,
): Float32Array {
  if (!(alpha >= 0 && alpha <= 1))
    throw new SdqError('bad-option', `The smoothing alpha ${alpha} is not in [0, 1].`);
  return Float32Array.from({ length: activations.length }, (_, j) => {
    const divisor = Math.fround(activations[j]! ** alpha / weights[j]! ** (1 - alpha));
    return activations[j]! > 0 && weights[j]! > 0 && divisor > 0 && divisor < Infinity ? divisor : 1;
  });
}

/**
 * Divides the input of linears by their smoothing divisors; their weights must have been multiplied by those.
 *
 * For encoders whose LayerNorms feed more than linears (post-LN residuals, as in BERT): there the divisors cannot be
 * folded into the LayerNorm, and the division is part of quantizing the input.
 *
 * @example
 * ```ts
 * import type { EncoderOps } from '@sdq/core';
 * import { SmoothedOps } from '@sdq/quantizers';
 * import type * as tf from '@tensorflow/tfjs';
 *
 * const smoothed = (float: EncoderOps<tf.Tensor>) =>
 *   new SmoothedOps(float, new Map([['encoder.layer.0.output.dense', Float32Array.of(4, 0.5)]]));
 * ```
 */
export class SmoothedOps extends WrappedOps {
  // Query, key and value read one tensor and share their divisors: it is divided once.
  private last: { input: tf.Tensor; divisors: Float32Array; output: tf.Tensor } | undefined;

  /** @param divisors - [in] of each site; those that share their input must share the array */
  constructor(
    inner: EncoderOps<tf.Tensor>,
    private readonly divisors: ReadonlyMap<Site, Float32Array>,
  ) {
    super(inner);
  }

  override linear(site: Site, x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    return super.linear(site, this.smooth(site, x), weight, bias);
  }

  private smooth(site: Site, x: tf.Tensor): tf.Tensor {
    const divisors = this.divisors.get(site);
    if (!divisors) return x;
    const last = this.last;
    if (last && last.input === x && last.divisors === divisors && !last.output.isDisposed) return last.output;
    const output = tf.tidy(() => x.div(tf.tensor1d(divisors)));
    this.last = { input: x, divisors, output };
    return output;
  }
}

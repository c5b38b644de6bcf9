import { SdqError, type Site } from '@sdq/core';
import { fakeQuantizeRows, minMax, roundHalfEven } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { gridForRange } from '../affine-grid.ts';
import { straightThrough } from '../straight-through.ts';

/**
 * The values of an activation as dynamic quantization holds them: each token row on a grid of its own, made from that
 * row's range. The gradient passes straight through: nothing is clipped.
 *
 * Source: Yao et al. 2022, "ZeroQuant", section 4.1 (token-wise quantization).
 *
 * @param x - [tokens, features]
 * @param bits - 2 to 8
 * @param symmetric - whether zero is in the middle of the grid, [-(2^(bits-1) - 1), 2^(bits-1) - 1]
 * @returns [tokens, features]
 * @throws SdqError `bad-value` when x holds NaN or infinity: names the site; `bad-option`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { fakeQuantizePerToken } from '@sdq/quantizers';
 *
 * fakeQuantizePerToken(tf.tensor2d([[127, 0.6], [0, 0]]), 8, true).dataSync(); // [127, 1, 0, 0]
 * ```
 */
export function fakeQuantizePerToken(x: tf.Tensor, bits: number, symmetric = true, site?: Site): tf.Tensor {
  if (symmetric) return fakeQuantizeRows(x, bits, site);
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new SdqError('bad-option', `An activation cannot have ${bits} bits: choose 2 to 8.`);
  }
  return straightThrough(x, (x) => {
    const [tokens, features] = x.shape as [number, number];
    if (x.size > 0) minMax(x, site);
    const values = x.dataSync();
    const floats = new Float32Array(values.length);
    for (let token = 0; token < tokens; token++) {
      let min = 0;
      let max = 0;
      const end = (token + 1) * features;
      for (let i = token * features; i < end; i++) {
        if (values[i]! < min) min = values[i]!;
        if (values[i]! > max) max = values[i]!;
      }
      const { scale, zeroPoint, qMin, qMax } = gridForRange({ min, max }, bits);
      for (let i = token * features; i < end; i++) {
        const q = roundHalfEven(Math.fround(values[i]! / scale)) + zeroPoint;
        floats[i] = ((q < qMin ? qMin : Math.min(q, qMax)) - zeroPoint) * scale;
      }
    }
    return tf.tensor2d(floats, [tokens, features]);
  });
}

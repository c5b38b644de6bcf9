import { type QuantizedRows, SdqError, type WeightQuantizer } from '@sdq/core';
import { fakeQuantizeRows, quantizeRows } from '@sdq/kernels';
import { type Tensor, type Tensor2D, tensor2d } from '@tensorflow/tfjs';

/**
 * Symmetric quantization of a weight [out, in] with one scale an output channel, the largest magnitude of the
 * row over 2^(bits-1) - 1; the gradient passes straight through, since nothing is clipped.
 *
 * Source: Wu et al. 2020, "Integer Quantization for Deep Learning Inference", section 4.
 *
 * @param bits - 2 to 8
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { perChannel } from '@sdq/quantizers';
 *
 * perChannel(8).quantize(tf.tensor2d([[1, -0.5], [0, 0]])).values; // Int8Array [127, -64, 0, 0]
 * ```
 */
export function perChannel(bits: number): WeightQuantizer {
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new SdqError('bad-option', `A weight cannot have ${bits} bits: choose 2 to 8.`);
  }
  return {
    name: `int${bits}-per-channel`,
    bits,
    fakeQuantize: (weight: Tensor) => fakeQuantizeRows(weight as Tensor2D, bits),
    quantize(weight: Tensor): QuantizedRows {
      const { values, scales } = quantizeRows(weight as Tensor2D, bits);
      return { bits, shape: weight.shape as [number, number], values, scales };
    },
  };
}

/**
 * The floats [rows, columns] that stored integers stand for.
 *
 * @example
 * ```ts
 * import { dequantizeRows } from '@sdq/quantizers';
 *
 * const weight = dequantizeRows({
 *   bits: 8, shape: [1, 2], values: Int8Array.of(127, -64), scales: Float32Array.of(0.5),
 * });
 * weight.dataSync(); // [63.5, -32]
 * ```
 */
export function dequantizeRows(rows: QuantizedRows): Tensor2D {
  const [count, columns] = rows.shape;
  const floats = new Float32Array(count * columns);
  for (let row = 0; row < count; row++) {
    const scale = rows.scales[row]!;
    for (let i = row * columns; i < (row + 1) * columns; i++) floats[i] = rows.values[i]! * scale;
  }
  return tensor2d(floats, [count, columns]);
}

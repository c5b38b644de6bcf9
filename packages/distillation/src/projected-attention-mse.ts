import type { DistillationLoss } from '@sdq/core';
import { meanSquaredError } from '@sdq/kernels';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/**
 * The mean squared difference of the attention outputs after the output projection, before the residual sum; over
 * layers, features and token rows.
 *
 * Source: Kim et al. 2022, "Understanding and Improving Knowledge Distillation for Quantization-Aware Training of Large
 * Transformer Encoders" (arXiv 2211.11014), the attention-output loss.
 *
 * @param options - `layers`: all if absent
 * @throws SdqError `bad-option` when the list of layers is invalid
 *
 * @example
 * ```ts
 * import { projectedAttentionMse } from '@sdq/distillation';
 *
 * const e5 = { layers: 12, heads: 12, hiddenSize: 384 };
 * projectedAttentionMse().taps({ role: 'attention-output', layer: 0 }, e5); // true
 * ```
 */
export function projectedAttentionMse({ layers = 'all' }: LayerOptions = {}): DistillationLoss {
  return layeredLoss({
    name: 'att-projection-mse',
    layers,
    reads: ['attention-output'],
    same: ['hiddenSize'],
    distance: ([teacher], [student]) => meanSquaredError(teacher!, student!),
  });
}

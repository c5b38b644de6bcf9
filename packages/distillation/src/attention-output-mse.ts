import type { DistillationLoss } from '@sdq/core';
import { meanSquaredError } from '@sdq/kernels';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/**
 * Att-MSE: the mean squared difference of the self-attention outputs, over layers, features and token rows.
 *
 * Source: O'Neill and Dutta 2023, "Self-Distilled Quantization" (arXiv 2307.05972), section 3.
 *
 * @param options - `layers`: all if absent
 * @throws SdqError `bad-option` when the list of layers is invalid
 *
 * @example
 * ```ts
 * import { attentionOutputMse } from '@sdq/distillation';
 *
 * attentionOutputMse().name; // 'att-mse'
 * ```
 */
export function attentionOutputMse({ layers = 'all' }: LayerOptions = {}): DistillationLoss {
  return layeredLoss({
    name: 'att-mse',
    layers,
    reads: ['attention'],
    same: ['hiddenSize'],
    distance: ([teacher], [student]) => meanSquaredError(teacher!, student!),
  });
}

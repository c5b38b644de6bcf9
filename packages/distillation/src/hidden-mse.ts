import type { DistillationLoss } from '@sdq/core';
import { meanSquaredError } from '@sdq/kernels';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/**
 * The mean squared difference of the hidden states that layers hand on, over layers, features and token rows.
 *
 * Source: Jiao et al. 2020, "TinyBERT" (arXiv 1909.10351), equation 8, for models of one hidden size and so without its
 * projection.
 *
 * @param options - `layers`: all if absent
 * @throws SdqError `bad-option` when the list of layers is invalid
 *
 * @example
 * ```ts
 * import { hiddenMse } from '@sdq/distillation';
 *
 * const e5 = { layers: 12, heads: 12, hiddenSize: 384 };
 * hiddenMse({ layers: [5, 11] }).taps({ role: 'hidden', layer: 5 }, e5); // true
 * ```
 */
export function hiddenMse({ layers = 'all' }: LayerOptions = {}): DistillationLoss {
  return layeredLoss({
    name: 'hidden-mse',
    layers,
    reads: ['hidden'],
    same: ['hiddenSize'],
    distance: ([teacher], [student]) => meanSquaredError(teacher!, student!),
  });
}

import type { DistillationLoss } from '@sdq/core';
import { cosineDistance } from '@sdq/kernels';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/**
 * One minus the cosine between the hidden states that layers hand on, the mean over layers and token rows; in [0, 2].
 *
 * Source: Sanh et al. 2019, "DistilBERT" (arXiv 1910.01108), section 3.
 *
 * @param options - `layers`: all if absent (the paper compares the last)
 * @throws SdqError `bad-option` when the list of layers is invalid
 *
 * @example
 * ```ts
 * import { hiddenCosine } from '@sdq/distillation';
 *
 * hiddenCosine({ layers: 'last' }).name; // 'hidden-cosine'
 * ```
 */
export function hiddenCosine({ layers = 'all' }: LayerOptions = {}): DistillationLoss {
  return layeredLoss({
    name: 'hidden-cosine',
    layers,
    reads: ['hidden'],
    same: ['hiddenSize'],
    distance: ([teacher], [student]) => cosineDistance(teacher!, student!),
  });
}

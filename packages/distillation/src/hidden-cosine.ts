import type { DistillationLoss } from '@sdq/core';
import { meanSquaredError } from '@sdq/kernels';
import { maximum, type Tensor2D } from '@tensorflow/tfjs';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/**
 * One minus the cosine between the hidden states that layers hand on, the mean over layers and token rows; in [0, 2].
 *
 * Source: Sanh et al. 2019, "DistilBERT" (arXiv 1910.01108), section 3.
 *
 * @param options - `layers`: all if absent (the paper compares the last)
 * @throws SdqError `bad-option` when the list of layers is none
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
    reads: ['output'],
    same: ['hiddenSize'],
    // 1 - cos = |t/|t| - s/|s||^2 / 2, which does not cancel where the two are close.
    distance: ([teacher], [student]) =>
      meanSquaredError(directions(teacher!), directions(student!)).mul(student!.shape[1] / 2),
  });
}

// Rows shorter than this count as having no direction.
const LEAST_SQUARE = 1e-16;

/** Each row divided by its length. */
function directions(x: Tensor2D): Tensor2D {
  return x.div(maximum(x.square().sum(1, true), LEAST_SQUARE).sqrt());
}

import type { DistillationLoss } from '@sdq/core';
import { attentionKl } from '@sdq/kernels';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/**
 * Att-KLD: the divergence of the student's self-attention outputs from the teacher's, each head's output read as
 * a distribution over its features by softmax; the mean over layers, heads and token rows.
 *
 * Source: O'Neill and Dutta 2023, "Self-Distilled Quantization" (arXiv 2307.05972), section 3.
 *
 * @param options - `layers`: all if absent
 * @throws SdqError `bad-option` when the list of layers is invalid
 *
 * @example
 * ```ts
 * import { attentionOutputKl } from '@sdq/distillation';
 *
 * const e5 = { layers: 12, heads: 12, hiddenSize: 384 };
 * attentionOutputKl().taps({ role: 'attention', layer: 0 }, e5); // true
 * attentionOutputKl({ layers: 'last' }).taps({ role: 'attention', layer: 0 }, e5); // false
 * ```
 */
export function attentionOutputKl({ layers = 'all' }: LayerOptions = {}): DistillationLoss {
  return layeredLoss({
    name: 'att-kld',
    layers,
    reads: ['attention'],
    same: ['hiddenSize', 'heads'],
    distance: ([teacher], [student], context) => attentionKl(teacher!, student!, context.student.heads),
  });
}

import type { DistillationLoss } from '@sdq/core';
import { relationKl } from '@sdq/kernels';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/**
 * The divergence of the student's attention probabilities from the teacher's, which it computes again from queries and
 * keys; the mean over layers, heads and token rows. The hidden sizes may differ.
 *
 * Source: Wang et al. 2020, "MiniLM" (arXiv 2002.10957), section 3.1, for the last layer; Kim et al. 2022 (arXiv 2211.11014)
 * for all layers, in quantization-aware training.
 *
 * @param options - `layers`: all if absent
 * @throws SdqError `bad-option` when the list of layers is invalid
 *
 * @example
 * ```ts
 * import { attentionMapKl } from '@sdq/distillation';
 *
 * const e5 = { layers: 12, heads: 12, hiddenSize: 384 };
 * attentionMapKl().taps({ role: 'query', layer: 0 }, e5); // true
 * attentionMapKl().taps({ role: 'value', layer: 0 }, e5); // false
 * ```
 */
export function attentionMapKl({ layers = 'all' }: LayerOptions = {}): DistillationLoss {
  return layeredLoss({
    name: 'att-map-kl',
    layers,
    reads: ['query', 'key'],
    same: ['heads'],
    distance: ([teacherQ, teacherK], [q, k], { offsets, student }) =>
      relationKl({ q: teacherQ!, k: teacherK! }, { q: q!, k: k! }, offsets, student.heads),
  });
}

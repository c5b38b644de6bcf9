import { type DistillationLoss, SdqError } from '@sdq/core';
import { meanSquaredError, relationKl } from '@sdq/kernels';
import { add, type Scalar } from '@tensorflow/tfjs';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/** The options of {@link attentionMapAndOutput}. */
export interface MapAndOutputOptions extends LayerOptions {
  /** How much the attention maps count, from 0; 1 if absent. */
  readonly map?: number | undefined;
  /** How much the attention outputs count, from 0; 1 if absent. */
  readonly output?: number | undefined;
}

/**
 * The divergence of the attention probabilities and the mean squared difference of the attention outputs after the
 * output projection, weighted; the mean over layers.
 *
 * Source: Kim et al. 2022, "Understanding and Improving Knowledge Distillation for Quantization-Aware Training of Large
 * Transformer Encoders" (arXiv 2211.11014), the unification of both losses.
 *
 * @param options - `layers`: all if absent
 * @throws SdqError `bad-option` when the list of layers is invalid, or a weight is negative
 *
 * @example
 * ```ts
 * import { attentionMapAndOutput } from '@sdq/distillation';
 *
 * attentionMapAndOutput({ map: 1, output: 0.5 }).name; // 'att-map-output'
 * ```
 */
export function attentionMapAndOutput({
  layers = 'all',
  map = 1,
  output = 1,
}: MapAndOutputOptions = {}): DistillationLoss {
  if (!(map >= 0 && output >= 0 && map + output < Number.POSITIVE_INFINITY)) {
    throw new SdqError('bad-option', `The weights map ${map} and output ${output} are not numbers from 0.`);
  }
  return layeredLoss({
    name: 'att-map-output',
    layers,
    reads: ['query', 'key', 'attention-output'],
    same: ['hiddenSize', 'heads'],
    distance: ([teacherQ, teacherK, teacher], [q, k, student], { offsets, student: { heads } }) =>
      add(
        relationKl({ q: teacherQ!, k: teacherK! }, { q: q!, k: k! }, offsets, heads).mul(map),
        meanSquaredError(teacher!, student!).mul(output),
      ) as Scalar,
  });
}

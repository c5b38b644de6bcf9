import { type DistillationLoss, type EncoderShape, SdqError } from '@sdq/core';
import { relationKl } from '@sdq/kernels';
import { addN, type Scalar } from '@tensorflow/tfjs';
import { layeredLoss } from './layered-loss.ts';
import type { LayerOptions } from './layers.ts';

/** The options of {@link selfAttentionRelations}. */
export interface RelationOptions extends LayerOptions {
  /** Into how many parts queries, keys and values are divided; the teacher's attention heads if absent. */
  readonly relationHeads?: number | undefined;
}

/**
 * The divergences of the student's relations between queries, between keys and between values from the teacher's:
 * softmax(x x^T / sqrt(d)) for each relation head of d features; their sum, the mean over layers, relation heads and token
 * rows. Hidden sizes and attention heads may differ.
 *
 * Source: Wang et al. 2021, "MiniLMv2" (arXiv 2012.15828), section 3.1.
 *
 * @param options - `layers`: the last if absent, as in the paper
 * @throws SdqError `bad-option` when the list of layers is invalid, or the number of relation heads
 *
 * @example
 * ```ts
 * import { selfAttentionRelations } from '@sdq/distillation';
 *
 * const e5 = { layers: 12, heads: 12, hiddenSize: 384 };
 * const loss = selfAttentionRelations({ relationHeads: 24 });
 * loss.taps({ role: 'value', layer: 11 }, e5); // true
 * loss.obstacle?.(e5, { ...e5, hiddenSize: 192 }); // undefined
 * ```
 */
export function selfAttentionRelations({
  layers = 'last',
  relationHeads,
}: RelationOptions = {}): DistillationLoss {
  if (relationHeads !== undefined && !(Number.isInteger(relationHeads) && relationHeads > 0)) {
    throw new SdqError(
      'bad-option',
      `The number of relation heads ${relationHeads} is no whole number above 0.`,
    );
  }
  const parts = (teacher: EncoderShape) => relationHeads ?? teacher.heads;
  return layeredLoss({
    name: 'minilm-relations',
    layers,
    reads: ['query', 'key', 'value'],
    obstacle: (teacher, student) =>
      [teacher, student].some(({ hiddenSize }) => hiddenSize % parts(teacher) !== 0)
        ? `a number of relation heads, now ${parts(teacher)}, that divides both hidden sizes`
        : undefined,
    distance: (teacher, student, context) =>
      addN(
        teacher.map((t, i) => {
          const s = student[i]!;
          return relationKl({ q: t, k: t }, { q: s, k: s }, context.offsets, parts(context.teacher));
        }),
      ) as Scalar,
  });
}

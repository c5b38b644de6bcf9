import { type DistillationLoss, type EncoderShape, SdqError } from '@sdq/core';

/**
 * Checks, before training starts, that losses can compare a student with a teacher.
 *
 * @throws SdqError `bad-option` that says what each loss that cannot needs, and which of the others still apply
 *
 * @example
 * ```ts
 * import { attentionOutputKl, logitKl, requireComparable } from '@sdq/distillation';
 *
 * const e5 = { layers: 12, heads: 12, hiddenSize: 384 };
 * requireComparable([logitKl(), attentionOutputKl({ layers: 'last' })], e5, { ...e5, layers: 6 });
 * ```
 */
export function requireComparable(
  losses: readonly DistillationLoss[],
  teacher: EncoderShape,
  student: EncoderShape,
): void {
  const applies: string[] = [];
  const wrong: string[] = [];
  for (const loss of losses) {
    const needs = loss.obstacle?.(teacher, student);
    if (needs === undefined) applies.push(loss.name);
    else wrong.push(`${loss.name} needs ${needs}`);
  }
  if (wrong.length === 0) return;
  const still =
    applies.length > 0
      ? `${applies.join(', ')} still ${applies.length > 1 ? 'apply' : 'applies'}`
      : 'none of them applies; logit-kl always does';
  throw new SdqError(
    'bad-option',
    `The teacher has ${sizes(teacher)}, the student ${sizes(student)}: ${wrong.join('; ')}. Of the losses asked for, ${still}.`,
  );
}

function sizes({ layers, heads, hiddenSize }: EncoderShape): string {
  return `${layers} layers, ${heads} heads and a hidden size of ${hiddenSize}`;
}

import { countEntities, type EntityCounts } from './entities.ts';

/**
 * The F1 of whole entities (type and both ends right), over all types: seqeval's `f1_score`, by which XGLUE
 * scores NER.
 *
 * @param gold [sentences][words], tags such as "B-PER"
 * @param predictions [sentences][words]; a missing tag counts as "O"
 * @returns a number in [0, 1]; 0 where there is no entity
 *
 * @example
 * ```ts
 * import { nerF1 } from '@sdq/xglue';
 *
 * nerF1([['B-PER', 'I-PER', 'O', 'B-LOC']], [['B-PER', 'I-PER', 'O', 'O']]); // 2/3
 * ```
 */
export function nerF1(
  gold: readonly (readonly string[])[],
  predictions: readonly (readonly string[])[],
): number {
  return f1(countEntities(gold, predictions, 'first-hyphen'));
}

/** The harmonic mean of precision and recall. */
export function f1({ correct, predicted, gold }: EntityCounts): number {
  return predicted + gold === 0 ? 0 : (2 * correct) / (predicted + gold);
}

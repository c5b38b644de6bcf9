import { countEntities, type EntityCounts } from './entities.ts';

/**
 * XGLUE's POS score: seqeval's `precision_score` over the bare tags, which makes every run of one tag an
 * "entity" (and tags in S, as SYM, entities of one word), so that it differs from the share of right tags.
 *
 * The rule is that of seqeval before 1.0, with which the published scores were computed.
 *
 * @param gold [sentences][words], tags such as "NOUN"
 * @param predictions [sentences][words]; a missing tag counts as "O"
 * @returns a number in [0, 1]; 0 where nothing is predicted
 *
 * @example
 * ```ts
 * import { posPrecision } from '@sdq/xglue';
 *
 * posPrecision([['DET', 'NOUN', 'NOUN']], [['DET', 'NOUN', 'VERB']]); // 1/3
 * ```
 */
export function posPrecision(
  gold: readonly (readonly string[])[],
  predictions: readonly (readonly string[])[],
): number {
  return precision(countEntities(gold, predictions, 'last-hyphen'));
}

/** The share of predicted entities that are right. */
export function precision({ correct, predicted }: EntityCounts): number {
  return predicted === 0 ? 0 : correct / predicted;
}

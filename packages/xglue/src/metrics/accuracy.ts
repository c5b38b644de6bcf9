import { SdqError } from '@sdq/core';

/**
 * The share of predictions that equal the gold label; a missing prediction is wrong, one too many is ignored.
 *
 * @returns a number in [0, 1]
 * @throws {SdqError} `empty-data` without gold labels
 *
 * @example
 * ```ts
 * import { accuracy } from '@sdq/xglue';
 *
 * accuracy(['1', '0'], ['1', '1']); // 0.5
 * ```
 */
export function accuracy(gold: readonly string[], predictions: readonly string[]): number {
  if (gold.length === 0) throw new SdqError('empty-data', 'Accuracy needs at least one gold label.');
  let right = 0;
  for (let i = 0; i < gold.length; i++) if (gold[i] === predictions[i]) right += 1;
  return right / gold.length;
}

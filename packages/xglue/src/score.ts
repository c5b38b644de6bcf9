import { SdqError } from '@sdq/core';
import type { Example } from './examples.ts';
import { wordsOf } from './gold.ts';
import { nerF1, posPrecision } from './metrics/index.ts';
import { type Predictions, tagsOf } from './predictions.ts';
import { scoreOf, tally } from './tally.ts';
import { task } from './tasks.ts';

/**
 * The official score of a task's predictions in one language; BLEU is divided by 100.
 *
 * Where predictions are too few: missing tags count as "O", missing labels, answers and texts as wrong, and
 * WPR leaves their lines out. Those too many are ignored, but for tags beyond a sentence's words, which shift
 * all that follow them.
 *
 * @param gold the examples of the split, with labels
 * @param language needed for MLQA, whose normalisation depends on it
 * @returns a number in [0, 1]
 * @throws {SdqError} `unknown-name`; `empty-data`; `bad-data` where examples or predictions are of another task
 *
 * @example
 * ```ts
 * import { score } from '@sdq/xglue';
 *
 * score('QAM', [{ kind: 'text', texts: ['who?', 'He did.'], label: '1' }], ['1']); // 1
 * ```
 */
export function score(
  taskName: string,
  gold: readonly Example[],
  predictions: Predictions,
  language = 'en',
): number {
  const { metric } = task(taskName);
  if (gold.length > 0 && (metric === 'entity-f1' || metric === 'tag-precision')) {
    const tags = wordsOf(gold).map((example) => example.labels);
    return (metric === 'entity-f1' ? nerF1 : posPrecision)(tags, tagsOf(predictions));
  }
  return scoreOf(tally(taskName, gold, predictions, language));
}

/**
 * The mean of a task's scores over its languages, or of the tasks' averages over the tasks.
 *
 * @throws {SdqError} `empty-data` where there is none
 *
 * @example
 * ```ts
 * import { average } from '@sdq/xglue';
 *
 * average({ en: 0.9, de: 0.8 }); // 0.85
 * ```
 */
export function average(scores: Readonly<Record<string, number>>): number {
  const values = Object.values(scores);
  if (values.length === 0) throw new SdqError('empty-data', 'No scores to average.');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

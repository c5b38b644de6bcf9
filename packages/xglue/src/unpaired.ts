import type { Example } from './examples.ts';
import { isList, type Predictions } from './predictions.ts';

/** How predictions and gold fail to pair up. */
export interface Unpaired {
  /** Examples (words for NER and POS) without a prediction. */
  readonly missing: number;
  /** Predictions without an example. */
  readonly extra: number;
}

/**
 * Counts the examples without a prediction and the predictions without an example, tag by tag for NER and POS.
 *
 * @example
 * ```ts
 * import { countUnpaired } from '@sdq/xglue';
 *
 * countUnpaired([{ kind: 'text', texts: ['a'], label: '1' }], ['1', '0']); // { missing: 0, extra: 1 }
 * ```
 */
export function countUnpaired(gold: readonly Example[], predictions: Predictions): Unpaired {
  if (!isList(predictions)) {
    const ids = new Set(gold.flatMap((example) => (example.kind === 'span' ? [example.id] : [])));
    const answered = Object.keys(predictions);
    const matched = answered.filter((id) => ids.has(id)).length;
    return { missing: ids.size - matched, extra: answered.length - matched };
  }
  let missing = 0;
  let extra = 0;
  for (let i = 0; i < Math.max(gold.length, predictions.length); i++) {
    const difference = width(gold[i]) - length(predictions[i]);
    missing += Math.max(0, difference);
    extra += Math.max(0, -difference);
  }
  return { missing, extra };
}

const width = (example: Example | undefined): number =>
  example === undefined ? 0 : example.kind === 'words' ? example.words.length : 1;

const length = (prediction: string | readonly string[] | undefined): number =>
  prediction === undefined ? 0 : typeof prediction === 'string' ? 1 : prediction.length;

import { SdqError } from '@sdq/core';
import { splitWords } from './python-text.ts';

const ORDERS = 4;

/** How many counts a segment has: two lengths, then matches and n-grams for each order. */
export const BLEU_WIDTH = 2 + 2 * ORDERS;

/**
 * Lower-cased BLEU of a corpus, divided by 100: sacreBLEU's `corpus_bleu(..., lowercase=True)` with its
 * defaults, the 13a tokenisation and exponential smoothing (Post, 2018, "A Call for Clarity in Reporting BLEU
 * Scores").
 *
 * @param references [segments]
 * @param hypotheses [segments]; a missing one counts as empty, one too many is ignored
 * @returns a number in [0, 1]
 * @throws {SdqError} `empty-data` without references
 *
 * @example
 * ```ts
 * import { corpusBleu } from '@sdq/xglue';
 *
 * corpusBleu(['The cat sat down.'], ['the cat sat down.']); // 1
 * ```
 */
export function corpusBleu(references: readonly string[], hypotheses: readonly string[]): number {
  if (references.length === 0) throw new SdqError('empty-data', 'BLEU needs at least one reference.');
  const totals = new Float64Array(BLEU_WIDTH);
  references.forEach((reference, i) => {
    bleuCounts(reference, hypotheses[i] ?? '').forEach((count, k) => {
      totals[k]! += count;
    });
  });
  return bleuOf(totals);
}

/** What one segment adds: [hypothesis length, reference length, matches of order 1-4, n-grams of order 1-4]. */
export function bleuCounts(reference: string, hypothesis: string): number[] {
  const right = tokenize(reference);
  const predicted = tokenize(hypothesis);
  const matches: number[] = [];
  const totals: number[] = [];
  for (let order = 1; order <= ORDERS; order++) {
    const left = new Map<string, number>();
    for (const gram of grams(right, order)) left.set(gram, (left.get(gram) ?? 0) + 1);
    let same = 0;
    for (const gram of grams(predicted, order)) {
      const count = left.get(gram) ?? 0;
      if (count > 0) same += 1;
      left.set(gram, count - 1);
    }
    matches.push(same);
    totals.push(Math.max(0, predicted.length - order + 1));
  }
  return [predicted.length, right.length, ...matches, ...totals];
}

/** BLEU from summed counts. */
export function bleuOf(counts: ArrayLike<number>): number {
  const predictedLength = counts[0]!;
  const rightLength = counts[1]!;
  const matches = Array.from({ length: ORDERS }, (_, n) => counts[2 + n]!);
  if (matches.every((count) => count === 0)) return 0;
  let smoothing = 1;
  let logSum = 0;
  for (let n = 0; n < ORDERS; n++) {
    const total = counts[2 + ORDERS + n]!;
    // Without a single n-gram of this order the geometric mean is 0: sacreBLEU has no effective order here.
    if (total === 0) return 0;
    if (matches[n] === 0) smoothing *= 2;
    logSum += Math.log(matches[n] === 0 ? 1 / (smoothing * total) : matches[n]! / total);
  }
  const brevity = predictedLength < rightLength ? Math.exp(1 - rightLength / predictedLength) : 1;
  return brevity * Math.exp(logSum / ORDERS);
}

function* grams(tokens: readonly string[], order: number): Generator<string> {
  for (let i = 0; i + order <= tokens.length; i++) yield tokens.slice(i, i + order).join(' ');
}

/** The 13a tokenisation, after mteval-v13a.pl. */
function tokenize(text: string): string[] {
  const plain = text
    .toLowerCase()
    .trimEnd()
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  const spaced = ` ${plain} `
    .replace(/[{-~[-` -&(-+:-@/]/g, ' $& ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ');
  return splitWords(spaced);
}

import { quoted, SdqError } from '@sdq/core';
import type { Example, TextExample, WordsExample } from './examples.ts';
import { spansOf, targetsOf, textsOf, wordsOf } from './gold.ts';
import { answerF1 } from './metrics/answer-match.ts';
import { BLEU_WIDTH, bleuCounts, bleuOf } from './metrics/bleu.ts';
import { countEntities, type TypeRule } from './metrics/entities.ts';
import { ndcg } from './metrics/ndcg.ts';
import { f1 } from './metrics/ner-f1.ts';
import { precision } from './metrics/pos-precision.ts';
import { answersOf, labelsOf, type Predictions, tagsOf } from './predictions.ts';
import { task } from './tasks.ts';

/**
 * A score broken down into the counts that each independent unit (an example, or WPR's group of one query)
 * adds: what resampling works on.
 */
export interface Tally {
  readonly units: number;
  readonly width: number;
  /** [units, width] */
  readonly counts: Float64Array;
  /** The score, in [0, 1], of summed counts [width]. */
  value(totals: ArrayLike<number>): number;
}

/**
 * The counts behind a task's score in one language. Tags beyond a sentence's words are left out here.
 *
 * @param language needed for MLQA, whose normalisation depends on it
 * @throws {SdqError} `unknown-name`; `empty-data`; `bad-data` where examples or predictions are of another task
 *
 * @example
 * ```ts
 * import { tally } from '@sdq/xglue';
 *
 * tally('QAM', [{ kind: 'text', texts: ['who?', 'He did.'], label: '1' }], ['1']).units; // 1
 * ```
 */
export function tally(
  taskName: string,
  gold: readonly Example[],
  predictions: Predictions,
  language = 'en',
): Tally {
  const { metric, name } = task(taskName);
  if (gold.length === 0) throw new SdqError('empty-data', `No ${name} examples to score.`);
  switch (metric) {
    case 'accuracy': {
      const labels = labelsOf(predictions);
      return means(textsOf(gold).map((example, i) => (example.label === labels[i] ? 1 : 0)));
    }
    case 'entity-f1':
      return entityTally(wordsOf(gold), tagsOf(predictions), 'first-hyphen');
    case 'tag-precision':
      return entityTally(wordsOf(gold), tagsOf(predictions), 'last-hyphen');
    case 'ndcg':
      return means(groupGains(textsOf(gold), labelsOf(predictions)));
    case 'mlqa-f1': {
      const answers = answersOf(predictions);
      return means(
        spansOf(gold).map((example) => {
          const right = example.answers.map((answer) => answer.text);
          return Object.hasOwn(answers, example.id) ? answerF1(answers[example.id]!, right, language) : 0;
        }),
      );
    }
    case 'bleu': {
      const texts = labelsOf(predictions);
      const rows = targetsOf(gold).map((target, i) => bleuCounts(target, texts[i] ?? ''));
      return fromRows(rows, BLEU_WIDTH, bleuOf);
    }
  }
}

/**
 * The tally of a split that was scored part by part.
 *
 * @param parts of one task; at least one
 *
 * @example
 * ```ts
 * import { joinTallies, scoreOf, tally } from '@sdq/xglue';
 *
 * const part = (label: string) => tally('QAM', [{ kind: 'text', texts: ['a'], label: '1' }], [label]);
 * scoreOf(joinTallies([part('1'), part('0')])); // 0.5
 * ```
 */
export function joinTallies(parts: readonly Tally[]): Tally {
  const units = parts.reduce((sum, part) => sum + part.units, 0);
  const { width, value } = parts[0]!;
  const counts = new Float64Array(units * width);
  let at = 0;
  for (const part of parts) {
    counts.set(part.counts, at);
    at += part.counts.length;
  }
  return { units, width, counts, value };
}

/**
 * The score of all units together, in [0, 1].
 *
 * @example
 * ```ts
 * import { scoreOf, tally } from '@sdq/xglue';
 *
 * scoreOf(tally('QAM', [{ kind: 'text', texts: ['a'], label: '1' }], ['1'])); // 1
 * ```
 */
export function scoreOf({ counts, units, width, value }: Tally): number {
  const totals = new Float64Array(width);
  for (let i = 0; i < units * width; i++) totals[i % width]! += counts[i]!;
  return value(totals);
}

const fromRows = (rows: readonly (readonly number[])[], width: number, value: Tally['value']): Tally => ({
  units: rows.length,
  width,
  counts: Float64Array.from(rows.flat()),
  value,
});

const means = (values: readonly number[]): Tally =>
  fromRows(
    values.map((value) => [value, 1]),
    2,
    (totals) => totals[0]! / totals[1]!,
  );

function entityTally(
  gold: readonly WordsExample[],
  predictions: readonly (readonly string[])[],
  rule: TypeRule,
): Tally {
  const rows = gold.map(({ labels }, i) => {
    const predicted = (predictions[i] ?? []).slice(0, labels.length);
    const counts = countEntities([labels], [predicted], rule);
    return [counts.correct, counts.predicted, counts.gold];
  });
  const ratio = rule === 'first-hyphen' ? f1 : precision;
  return fromRows(rows, 3, (totals) =>
    ratio({ correct: totals[0]!, predicted: totals[1]!, gold: totals[2]! }),
  );
}

/** The gain of each run of one query; lines without a prediction and groups of one are left out. */
function groupGains(gold: readonly TextExample[], predictions: readonly string[]): number[] {
  const gains: number[] = [];
  const paired = gold.slice(0, predictions.length);
  for (let start = 0; start < paired.length; ) {
    let end = start + 1;
    while (end < paired.length && paired[end]!.query === paired[start]!.query) end += 1;
    const relevance = paired.slice(start, end).map((example) => Number(example.label));
    const scores = predictions.slice(start, end).map(rating);
    if (end - start > 1) gains.push(ndcg(relevance, scores));
    start = end;
  }
  if (gains.length === 0) throw new SdqError('empty-data', 'WPR needs a query with at least two pages.');
  return gains;
}

function rating(prediction: string): number {
  const value = prediction.trim() === '' ? Number.NaN : Number(prediction);
  if (Number.isNaN(value)) {
    throw new SdqError('bad-label', `WPR predictions are numbers, but one is ${quoted(prediction)}.`);
  }
  return value;
}

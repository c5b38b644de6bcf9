import { quoted, SdqError } from '@sdq/core';
import type { Example, TextExample, WordsExample } from './examples.ts';
import { spansOf, targetsOf, textsOf, wordsOf } from './gold.ts';
import {
  answerF1,
  BLEU_WIDTH,
  bleuCounts,
  bleuOf,
  countEntities,
  f1,
  ndcg,
  precision,
  type TypeRule,
} from './metrics/index.ts';
import { answersOf, labelsOf, type Predictions, tagsOf } from './predictions.ts';
import { type MetricName, type TaskUnits, task } from './tasks.ts';
import { type ExampleLinks, exampleLinks } from './units.ts';

/**
 * A score broken down into the counts that each example (for WPR the group of one query) adds, and what ties examples to
 * each other: what resampling works on.
 */
export interface Tally {
  readonly examples: number;
  readonly width: number;
  /** [examples, width] */
  readonly counts: Float64Array;
  /** The score, in [0, 1], of summed counts [width]. */
  value(totals: ArrayLike<number>): number;
  /** How much of the score counts [width] make up, such as their labels or entities: 0 or more, and sums as they do. */
  size(counts: ArrayLike<number>): number;
  /** [examples] */
  readonly links: readonly ExampleLinks[];
  /** What the task declares of its languages. */
  readonly parallel: TaskUnits['parallel'];
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
 * tally('QAM', [{ kind: 'text', texts: ['who?', 'He did.'], label: '1' }], ['1']).examples; // 1
 * ```
 */
export function tally(
  taskName: string,
  gold: readonly Example[],
  predictions: Predictions,
  language = 'en',
): Tally {
  const { metric, name, units } = task(taskName);
  if (gold.length === 0) throw new SdqError('empty-data', `No ${name} examples to score.`);
  const scored = countsOf(metric, gold, predictions, language);
  return {
    ...scored.score,
    examples: scored.rows.length,
    counts: Float64Array.from(scored.rows.flat()),
    links: scored.of.map((example) => exampleLinks(example, units)),
    parallel: units.parallel,
  };
}

/** A metric on counts. */
type CountedScore = Pick<Tally, 'width' | 'value' | 'size'>;

/** The counts of a metric. */
interface Counts {
  readonly score: CountedScore;
  /** [examples][width] */
  readonly rows: readonly (readonly number[])[];
  /** [examples]: what each row is of; of a query its first page. */
  readonly of: readonly Example[];
}

function countsOf(
  metric: MetricName,
  gold: readonly Example[],
  predictions: Predictions,
  language: string,
): Counts {
  switch (metric) {
    case 'accuracy': {
      const labels = labelsOf(predictions);
      return means(
        gold,
        textsOf(gold).map((example, i) => (example.label === labels[i] ? 1 : 0)),
      );
    }
    case 'entity-f1':
      return entityCounts(wordsOf(gold), tagsOf(predictions), 'first-hyphen');
    case 'tag-precision':
      return entityCounts(wordsOf(gold), tagsOf(predictions), 'last-hyphen');
    case 'ndcg': {
      const { gains, of } = groupGains(textsOf(gold), labelsOf(predictions));
      return means(of, gains);
    }
    case 'mlqa-f1': {
      const answers = answersOf(predictions);
      return means(
        gold,
        spansOf(gold).map((example) => {
          const right = example.answers.map((answer) => answer.text);
          return Object.hasOwn(answers, example.id) ? answerF1(answers[example.id]!, right, language) : 0;
        }),
      );
    }
    case 'bleu': {
      const texts = labelsOf(predictions);
      const rows = targetsOf(gold).map((target, i) => bleuCounts(target, texts[i] ?? ''));
      return { score: BLEU, rows, of: gold };
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
  const examples = parts.reduce((sum, part) => sum + part.examples, 0);
  const counts = new Float64Array(examples * parts[0]!.width);
  let at = 0;
  for (const part of parts) {
    counts.set(part.counts, at);
    at += part.counts.length;
  }
  return { ...parts[0]!, examples, counts, links: parts.flatMap(({ links }) => links) };
}

/**
 * The score of all examples together, in [0, 1].
 *
 * @example
 * ```ts
 * import { scoreOf, tally } from '@sdq/xglue';
 *
 * scoreOf(tally('QAM', [{ kind: 'text', texts: ['a'], label: '1' }], ['1'])); // 1
 * ```
 */
export function scoreOf(tally: Tally): number {
  return tally.value(totalsOf(tally));
}

/** The summed counts [width] of all examples. */
export function totalsOf({ counts, width }: Tally): Float64Array {
  const totals = new Float64Array(width);
  for (let i = 0; i < counts.length; i++) totals[i % width]! += counts[i]!;
  return totals;
}

const MEAN: CountedScore = {
  width: 2,
  value: (totals) => totals[0]! / totals[1]!,
  size: (counts) => counts[1]!,
};

/** Of [correct, predicted, gold]. */
const ENTITY_F1: CountedScore = {
  width: 3,
  value: (totals) => f1({ correct: totals[0]!, predicted: totals[1]!, gold: totals[2]! }),
  size: (counts) => counts[1]! + counts[2]!,
};

const TAG_PRECISION: CountedScore = {
  width: 3,
  value: (totals) => precision({ correct: totals[0]!, predicted: totals[1]!, gold: totals[2]! }),
  size: (counts) => counts[1]!,
};

/** The second count is the reference's length. */
const BLEU: CountedScore = { width: BLEU_WIDTH, value: bleuOf, size: (counts) => counts[1]! };

const means = (of: readonly Example[], values: readonly number[]): Counts => ({
  score: MEAN,
  rows: values.map((value) => [value, 1]),
  of,
});

function entityCounts(
  gold: readonly WordsExample[],
  predictions: readonly (readonly string[])[],
  rule: TypeRule,
): Counts {
  const rows = gold.map(({ labels }, i) => {
    const predicted = (predictions[i] ?? []).slice(0, labels.length);
    const counts = countEntities([labels], [predicted], rule);
    return [counts.correct, counts.predicted, counts.gold];
  });
  return { score: rule === 'first-hyphen' ? ENTITY_F1 : TAG_PRECISION, rows, of: gold };
}

/** The gain of each run of one query, and its first page; lines without a prediction and groups of one are left out. */
function groupGains(gold: readonly TextExample[], predictions: readonly string[]) {
  const gains: number[] = [];
  const of: TextExample[] = [];
  const paired = gold.slice(0, predictions.length);
  for (let start = 0; start < paired.length; ) {
    let end = start + 1;
    while (end < paired.length && paired[end]!.query === paired[start]!.query) end += 1;
    const relevance = paired.slice(start, end).map((example) => Number(example.label));
    const scores = predictions.slice(start, end).map(rating);
    if (end - start > 1) {
      gains.push(ndcg(relevance, scores));
      of.push(paired[start]!);
    }
    start = end;
  }
  if (gains.length === 0) throw new SdqError('empty-data', 'WPR needs a query with at least two pages.');
  return { gains, of };
}

function rating(prediction: string): number {
  const value = prediction.trim() === '' ? Number.NaN : Number(prediction);
  if (Number.isNaN(value)) {
    throw new SdqError('bad-label', `WPR predictions are numbers, but one is ${quoted(prediction)}.`);
  }
  return value;
}

import { SdqError } from '@sdq/core';
import type { Example } from './examples.ts';
import { accuracy } from './metrics/accuracy.ts';
import { nerF1 } from './metrics/ner-f1.ts';
import { posPrecision } from './metrics/pos-precision.ts';
import { task } from './tasks.ts';

/**
 * What a model predicts for a split, in the order of its examples: a label or text for each, or the tags of
 * each sentence.
 */
export type Predictions = readonly string[] | readonly (readonly string[])[];

/**
 * The official score of a task's predictions in one language.
 *
 * @param gold the examples of the split, with labels
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
export function score(taskName: string, gold: readonly Example[], predictions: Predictions): number {
  const { metric, name } = task(taskName);
  if (gold.length === 0) throw new SdqError('empty-data', `No ${name} examples to score.`);
  switch (metric) {
    case 'accuracy':
      return accuracy(labels(gold), strings(predictions));
    case 'entity-f1':
      return nerF1(tags(gold), sequences(predictions));
    case 'tag-precision':
      return posPrecision(tags(gold), sequences(predictions));
    default:
      throw new SdqError('unavailable', `No scorer for ${name} yet.`);
  }
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

const labels = (gold: readonly Example[]): string[] =>
  gold.map((example) => {
    if (example.kind !== 'text') throw wrongKind(example.kind, 'texts with a label');
    return example.label;
  });

const tags = (gold: readonly Example[]): (readonly string[])[] =>
  gold.map((example) => {
    if (example.kind !== 'words') throw wrongKind(example.kind, 'words with tags');
    return example.labels;
  });

const strings = (predictions: Predictions): string[] =>
  predictions.map((prediction) => {
    if (typeof prediction !== 'string')
      throw new SdqError('bad-data', 'Expected one label an example, not tags.');
    return prediction;
  });

const sequences = (predictions: Predictions): (readonly string[])[] =>
  predictions.map((prediction) => {
    if (typeof prediction === 'string') throw new SdqError('bad-data', 'Expected the tags of each sentence.');
    return prediction;
  });

const wrongKind = (kind: string, expected: string): SdqError =>
  new SdqError('bad-data', `Expected ${expected}, but an example is of the kind "${kind}".`);

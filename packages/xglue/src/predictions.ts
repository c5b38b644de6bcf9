import { SdqError } from '@sdq/core';

/**
 * What a model predicts for a split, in the order of its examples: a label or text for each; the tags of each
 * sentence; or, for MLQA, the answer of each question by its id.
 */
export type Predictions =
  | readonly string[]
  | readonly (readonly string[])[]
  | Readonly<Record<string, string>>;

export function labelsOf(predictions: Predictions): readonly string[] {
  if (isStrings(predictions)) return predictions;
  throw new SdqError('bad-data', 'Expected one label or text an example as predictions.');
}

export function tagsOf(predictions: Predictions): readonly (readonly string[])[] {
  if (isSequences(predictions)) return predictions;
  throw new SdqError('bad-data', 'Expected the tags of each sentence as predictions.');
}

export function answersOf(predictions: Predictions): Readonly<Record<string, string>> {
  if (!isList(predictions)) return predictions;
  throw new SdqError('bad-data', 'Expected answers by question id as predictions.');
}

export const isList = (
  predictions: Predictions,
): predictions is Exclude<Predictions, Readonly<Record<string, string>>> => Array.isArray(predictions);

export const isStrings = (predictions: Predictions): predictions is readonly string[] =>
  isList(predictions) && predictions.every((one: string | readonly string[]) => typeof one === 'string');

export const isSequences = (predictions: Predictions): predictions is readonly (readonly string[])[] =>
  isList(predictions) && predictions.every((one: string | readonly string[]) => typeof one !== 'string');

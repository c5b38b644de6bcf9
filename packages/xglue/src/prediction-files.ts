import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { isRecord, readJson } from './json-file.ts';
import { type DataNote, readLines, strictly } from './lines.ts';
import { isList, isSequences, isStrings, type Predictions } from './predictions.ts';
import { task } from './tasks.ts';

/** Which prediction file. */
export interface PredictionFile {
  /** The folder that holds NC/en.prediction, POS/en.prediction, .... */
  readonly folder: string;
  readonly task: string;
  readonly language: string;
}

/**
 * The predictions of a file in the benchmark's format: a label or text a line; a tag a line, with a blank line
 * between sentences; for MLQA a JSON object of answers by question id.
 *
 * @throws {SdqError} `unknown-name`; `path-not-found`; `bad-data` naming file and line; `empty-data`
 *
 * @example
 * ```ts
 * import { readPredictions } from '@sdq/xglue';
 *
 * readPredictions({ folder: 'predictions', task: 'XNLI', language: 'sw' }); // ['neutral', ...]
 * ```
 */
export function readPredictions(
  options: PredictionFile & { onNote?: (note: DataNote) => void },
): Predictions {
  const { kind } = task(options.task);
  const file = predictionPath(options);
  const events = strictly(options.onNote);
  if (kind === 'span') return answers(file, readJson(file, events));
  const lines: string[] = [];
  for (const line of readLines(file, events)) lines.push(line.text.trim());
  const predictions = kind === 'token' ? sentences(lines) : lines;
  if (predictions.length === 0) throw new SdqError('empty-data', `${file} has no predictions.`);
  return predictions;
}

/**
 * Writes a model's predictions in the benchmark's format, and returns the file's path.
 *
 * @throws {SdqError} `unknown-name`; `bad-data` where the predictions are not of the task's kind or would break
 * the format; `io-failed`
 *
 * @example
 * ```ts
 * import { writePredictions } from '@sdq/xglue';
 *
 * writePredictions({ folder: 'predictions', task: 'QAM', language: 'de', predictions: ['1', '0'] });
 * ```
 */
export function writePredictions(options: PredictionFile & { readonly predictions: Predictions }): string {
  const file = predictionPath(options);
  const text = format(options.task, options.predictions);
  try {
    mkdirSync(join(options.folder, options.task), { recursive: true });
    writeFileSync(file, text);
  } catch (error) {
    const reason = (error as Error).message;
    throw new SdqError('io-failed', `Cannot write ${file}: ${reason}.`, { cause: error });
  }
  return file;
}

/**
 * Where a language's predictions lie.
 *
 * @example
 * ```ts
 * import { predictionPath } from '@sdq/xglue';
 *
 * predictionPath({ folder: 'predictions', task: 'XNLI', language: 'sw' }); // 'predictions/XNLI/sw.prediction'
 * ```
 */
export const predictionPath = ({ folder, task: name, language }: PredictionFile): string =>
  join(folder, name, `${language}.prediction`);

function format(taskName: string, predictions: Predictions): string {
  const { kind, name } = task(taskName);
  if (kind === 'span' && !isList(predictions)) return `${JSON.stringify(predictions, null, 4)}\n`;
  if (kind === 'token' && isSequences(predictions)) {
    return predictions.map((tags) => `${tags.map((tag) => oneLine(name, tag)).join('\n')}\n\n`).join('');
  }
  if (kind === 'generation' && isStrings(predictions)) {
    // A line break in a text would shift all texts that follow.
    return predictions.map((text) => `${text.replace(/\s+/g, ' ').trim()}\n`).join('');
  }
  if (kind !== 'span' && kind !== 'token' && isStrings(predictions)) {
    return predictions.map((label) => `${oneLine(name, label)}\n`).join('');
  }
  const expected = { span: 'answers by question id', token: 'tags of each sentence' }[kind as string];
  throw new SdqError('bad-data', `Predictions of ${name} must be ${expected ?? 'one string an example'}.`);
}

function oneLine(taskName: string, label: string): string {
  if (label.trim() !== '' && !/[\r\n]/.test(label)) return label;
  throw new SdqError('bad-data', `A predicted label of ${taskName} is empty or has a line break.`);
}

function answers(file: string, value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) {
    throw new SdqError('bad-data', `${file} must hold one JSON object of answers by question id.`);
  }
  const entries = Object.entries(value).map(([id, answer]) => {
    if (typeof answer === 'string') return [id, answer] as const;
    throw new SdqError('bad-data', `${file} has an answer to ${id} that is not a string.`);
  });
  if (entries.length === 0) throw new SdqError('empty-data', `${file} has no predictions.`);
  return Object.fromEntries(entries);
}

function sentences(lines: readonly string[]): string[][] {
  const found: string[][] = [];
  let tags: string[] = [];
  for (const line of [...lines, '']) {
    if (line !== '') tags.push(line);
    else if (tags.length > 0) {
      found.push(tags);
      tags = [];
    }
  }
  return found;
}

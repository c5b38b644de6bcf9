import { SdqError } from '@sdq/core';
import type { Example } from './examples.ts';
import { taskLabels } from './labels.ts';
import { findSplit } from './layout.ts';
import { type DataNote, type ReadEvents, strictly } from './lines.ts';
import { readColumns } from './read-columns.ts';
import { readGeneration } from './read-generation.ts';
import type { ReadRequest } from './read-request.ts';
import { readSpans } from './read-spans.ts';
import { readWords } from './read-words.ts';
import { type SplitName, type Task, task } from './tasks.ts';

/** Which examples to read. */
export interface ReadOptions {
  /** The folder that holds NC/, POS/, .... */
  readonly folder: string;
  readonly task: string;
  /** A language code that the folder has: `listLanguages` tells. */
  readonly language: string;
  readonly split: SplitName;
  /** The labels to allow; those of `taskLabels` if left out. */
  readonly labels?: readonly string[];
  /** Takes files without labels, as the benchmark's test sets are handed out. */
  readonly unlabelled?: boolean;
  /** Told of what reading tolerates: byte order marks, carriage returns, empty fields. */
  readonly onNote?: (note: DataNote) => void;
}

/**
 * The examples of one language and split, in the file's order.
 *
 * @throws {SdqError} `path-not-found`, `unknown-name`; `bad-data` and `bad-label` naming file and line;
 * `empty-data`
 *
 * @example
 * ```ts
 * import { readSplit } from '@sdq/xglue';
 *
 * const dev = readSplit({ folder: 'xglue', task: 'XNLI', language: 'sw', split: 'dev' });
 * dev[0]; // { kind: 'text', texts: [premise, hypothesis], label: 'neutral' }
 * ```
 */
export function readSplit(options: ReadOptions): Example[] {
  return [...streamSplit(options)];
}

/**
 * As `readSplit`, but one example at a time: memory stays constant whatever the file's size (MLQA apart, whose
 * files are one JSON value each).
 *
 * @throws {SdqError} as `readSplit`, when the line is reached
 */
export function streamSplit(options: ReadOptions): Generator<Example> {
  return streamWith(options, strictly(options.onNote));
}

/** As `streamSplit`, with events that may go on after a bad line. */
export function* streamWith(options: ReadOptions, events: ReadEvents): Generator<Example> {
  const info = task(options.task);
  const source = findSplit(options.folder, info, options.language, options.split);
  const labelled = info.kind !== 'span' && info.kind !== 'generation';
  const labels = options.labels ?? (labelled ? taskLabels(options.folder, info.name) : []);
  const request: ReadRequest = {
    info,
    language: options.language,
    split: options.split,
    source,
    labels: new Set(labels),
    unlabelled: options.unlabelled ?? false,
    events,
  };
  let count = 0;
  for (const example of readerOf(info)(request)) {
    count += 1;
    yield example;
  }
  if (count === 0) throw new SdqError('empty-data', `${source.file} has no examples in ${options.language}.`);
}

function readerOf(info: Task): (request: ReadRequest) => Iterable<Example> {
  switch (info.kind) {
    case 'token':
      return readWords;
    case 'span':
      return readSpans;
    case 'generation':
      return readGeneration;
    default:
      return readColumns;
  }
}

import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import type { Example } from './examples.ts';
import { findSplit, listLanguages, noSplit } from './layout.ts';
import type { DataNote, ReadEvents } from './lines.ts';
import { NoteCounter } from './note-counter.ts';
import { streamWith } from './read-split.ts';
import { type SplitName, type Task, type TaskName, tasks } from './tasks.ts';

/** What one file of a data folder holds. */
export interface SplitReport {
  readonly task: TaskName;
  readonly split: SplitName;
  readonly language: string;
  /** Whether the official benchmark has the task in this language. */
  readonly official: boolean;
  /** Examples that could be read. */
  readonly examples: number;
  /** How often each label occurs; for NER and POS, on how many words. */
  readonly labels: Readonly<Record<string, number>>;
  /** Examples whose input stood in the file before. */
  readonly repeated: number;
  /** Examples whose input is in another split of the task in any language, by that split; train comes first. */
  readonly shared: Readonly<Partial<Record<SplitName, number>>>;
  /** What was tolerated, how often. */
  readonly notes: Readonly<Partial<Record<DataNote['kind'], number>>>;
  /** The same, one sentence each that names the file and the first line. */
  readonly remarks: readonly string[];
  /** Lines or entries that could not be read. */
  readonly unreadable: number;
  /** The first of them, one sentence each. */
  readonly problems: readonly string[];
}

/** What a data folder holds and lacks. */
export interface DataReport {
  readonly splits: readonly SplitReport[];
  /** The tasks whose folder has none of the benchmark's files, one sentence each that says what it has. */
  readonly problems: readonly string[];
  /** The tasks without a folder. */
  readonly absentTasks: readonly TaskName[];
  /** The official languages that a task with a folder lacks, by split: "POS dev th". */
  readonly absentLanguages: readonly string[];
}

const SPLITS: readonly SplitName[] = ['train', 'dev', 'test'];
const MAX_PROBLEMS = 10;

/**
 * Reads a whole data folder and reports counts, label histograms, inputs that occur twice or in two splits, and
 * every line that does not parse. Memory grows by a hash an example, not with the files.
 *
 * @throws {SdqError} `path-not-found`; what is wrong inside the folder is reported, not thrown
 *
 * @example
 * ```ts
 * import { checkData } from '@sdq/xglue';
 *
 * checkData('xglue').splits[0]; // { task: 'NER', split: 'train', language: 'en', examples: 20000, ... }
 * ```
 */
export function checkData(folder: string): DataReport {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new SdqError('path-not-found', `No folder ${folder}: give the folder that holds NC/, POS/, ....`);
  }
  const present = tasks.filter(({ name }) => existsSync(join(folder, name)));
  const absentLanguages: string[] = [];
  const splits = present.flatMap((info) => {
    const seen = new Map<string, Set<SplitName>>();
    return SPLITS.flatMap((split) => {
      const found = listLanguages(folder, info.name, split);
      const held = found.map(({ language }) => language);
      const wanted = split === 'train' ? ['en'] : info.languages;
      absentLanguages.push(
        ...wanted
          .filter((language) => !held.includes(language))
          .map((language) => `${info.name} ${split} ${language}`),
      );
      return found.map(({ language, official }) => checkSplit(folder, info, split, language, official, seen));
    });
  });
  const absentTasks = tasks.filter((info) => !present.includes(info)).map(({ name }) => name);
  const problems = present
    .filter(({ name }) => !splits.some(({ task }) => task === name))
    .map((info) => noSplit(folder, info, 'train').message);
  return { splits, problems, absentTasks, absentLanguages };
}

function checkSplit(
  folder: string,
  info: Task,
  split: SplitName,
  language: string,
  official: boolean,
  seen: Map<string, Set<SplitName>>,
): SplitReport {
  const labels: Record<string, number> = {};
  const notes: Partial<Record<DataNote['kind'], number>> = {};
  const shared: Partial<Record<SplitName, number>> = {};
  const counter = new NoteCounter();
  const problems: string[] = [];
  const here = new Set<string>();
  let examples = 0;
  let repeated = 0;
  let unreadable = 0;
  const fail = (error: SdqError) => {
    unreadable += 1;
    if (problems.length < MAX_PROBLEMS) problems.push(error.message);
  };
  const events: ReadEvents = {
    note: (note) => {
      notes[note.kind] = (notes[note.kind] ?? 0) + 1;
      counter.add(note);
    },
    fail,
  };
  try {
    const unlabelled = split === 'test' && !hasTargets(folder, info, language);
    for (const example of streamWith({ folder, task: info.name, language, split, unlabelled }, events)) {
      examples += 1;
      for (const label of labelsOf(example)) labels[label] = (labels[label] ?? 0) + 1;
      const key = hash(example);
      if (here.has(key)) repeated += 1;
      here.add(key);
      for (const other of seen.get(key) ?? []) if (other !== split) shared[other] = (shared[other] ?? 0) + 1;
    }
  } catch (error) {
    if (!(error instanceof SdqError)) throw error;
    fail(error);
  }
  for (const key of here) seen.set(key, (seen.get(key) ?? new Set()).add(split));
  return {
    task: info.name,
    split,
    language,
    official,
    examples,
    labels,
    repeated,
    shared,
    notes,
    remarks: counter.sentences(),
    unreadable,
    problems,
  };
}

/** Test sets are handed out without targets; a column that is missing the readers see for themselves. */
function hasTargets(folder: string, info: Task, language: string): boolean {
  if (info.kind !== 'generation') return false;
  return existsSync(findSplit(folder, info, language, 'test').file.replace('.src.', '.tgt.'));
}

function labelsOf(example: Example): readonly string[] {
  if (example.kind === 'words') return example.labels;
  return example.kind === 'text' && example.label !== '' ? [example.label] : [];
}

/** A hash of the input without its label: 96 bits, so that a clash is out of the question. */
function hash(example: Example): string {
  return createHash('sha1').update(inputOf(example).join('\u0000')).digest('base64').slice(0, 16);
}

function inputOf(example: Example): readonly string[] {
  switch (example.kind) {
    case 'text':
      return example.texts;
    case 'words':
      return example.words;
    case 'span':
      return [example.question, example.context];
    case 'generation':
      return [example.source];
  }
}

import { listed, SdqError } from '@sdq/core';
import { IGNORED_LABEL } from '@sdq/kernels';
import type { EncodedExample, Head, HeadKind, Tokenizer } from '@sdq/models';
import { noHead, spanWindows } from '@sdq/serve';
import {
  type DataNote,
  type Example,
  listLanguages,
  NoteCounter,
  readSplit,
  type SplitName,
  streamSplit,
  type Task,
  task,
  taskLabels,
} from '@sdq/xglue';
import type { RunConfig } from '../config/index.ts';
import { holdOut, sharedText } from './held-out.ts';

import { type TeacherLabels, teacherLabels } from './teacher-labels.ts';

/** Some examples of a dev set: as read, and as token ids. */
export interface DevChunk {
  readonly gold: readonly Example[];
  /** One an example, or the windows of each question in a row. */
  readonly encoded: readonly EncodedExample[];
  /** [examples + 1]: where those of each example begin in `encoded`. */
  readonly offsets: readonly number[];
}

/** The dev set of one language. */
export interface DevSet {
  /** Whether the official benchmark has the task in this language. */
  readonly official: boolean;
  /** All examples, some at a time; reads the file anew at each call, unless the set is held in memory. */
  chunks(): Iterable<DevChunk>;
}

/** Which dev sets, or sets of another split, to read, and how. */
export interface DevRequest {
  /** The folder that holds NC/, POS/, .... */
  readonly data: string;
  readonly task: Task;
  /** `dev` if absent. */
  readonly split?: SplitName | undefined;
  readonly labels: readonly string[];
  /** All languages that the folder has, if absent. */
  readonly languages?: readonly string[] | undefined;
  /** The first so many examples of each language. */
  readonly devLimit?: number | undefined;
  readonly encode: (example: Example) => EncodedExample[];
  /** Told of what reading tolerates. */
  readonly onNote?: (note: DataNote) => void;
}

/** A task's data, ready for training and scoring. */
export interface Dataset {
  readonly task: Task;
  readonly labels: readonly string[];
  /** The English training set, without what is held out. */
  readonly train: readonly EncodedExample[];
  /** English training examples that nothing trains on or calibrates with: how versions are quantized is chosen on them. */
  readonly heldOut: readonly EncodedExample[];
  /** The languages of the training set. */
  readonly trainLanguages: readonly string[];
  /** By language; held in memory. */
  readonly dev: ReadonlyMap<string, DevSet>;
  readonly unofficialLanguages: readonly string[];
  /** What reading tolerated and which official languages are missing, one sentence each. */
  readonly remarks: readonly string[];
}

/** What the two logits of a span head say. */
const SPAN_LABELS = ['start', 'end'];
const SPLITS: readonly SplitName[] = ['train', 'dev', 'test'];
/** XGLUE has training text in one language. */
const TRAIN_LANGUAGE = 'en';
/** Examples in memory at a time, where a dev set is read as it is scored. */
const CHUNK_EXAMPLES = 2048;
/** Enough text for a choice between ways to quantize. */
const HELD_OUT_TOKENS = 8192;

/**
 * Checks that an encoder can be trained for a task.
 *
 * @throws SdqError `unknown-name`; `bad-option` for a task of text generation
 */
export function trainableTask(name: string): Task {
  const info = task(name);
  if (info.kind === 'generation') {
    throw new SdqError(
      'bad-option',
      `The answers of ${info.name} are texts to write, and an encoder has no generation head: "sdq score" scores predictions of another model.`,
    );
  }
  return info;
}

/** The head that an encoder needs for a task. */
export function headKind({ kind }: Task): HeadKind {
  if (kind === 'span') return 'question-answering';
  return kind === 'token' ? 'token-classification' : 'sequence-classification';
}

/** @throws SdqError `bad-checkpoint` unless the head of the model in `folder` is of the kind that a task needs */
export function requireHead(folder: string, head: Head, task: Task): void {
  if (head.kind === headKind(task)) return;
  throw new SdqError(
    'bad-checkpoint',
    `${folder} has a head for ${head.kind}, but ${task.name} needs one for ${headKind(task)}.`,
  );
}

/**
 * Reads and tokenises the training set, which is in English, and the dev sets of a task.
 *
 * @param teacher - the head of `config.teacher`, where one is given: its labels are matched by name
 * @throws SdqError as the readers of `@sdq/xglue`; `bad-option` for a task that has no classes; `bad-checkpoint` or
 * `bad-label` for a teacher of another kind or with other labels
 */
export function loadDataset(config: RunConfig, tokenizer: Tokenizer, teacher?: Head): Dataset {
  const info = trainableTask(config.task);
  const own = info.kind === 'span' ? SPAN_LABELS : taskLabels(config.data, info.name);
  const { labels, extra } = matchedLabels(config.teacher, teacher, info, own);
  const encode = exampleEncoder(tokenizer, labels, config.maxLength);
  const { data, languages, devLimit } = config;
  const notes = new NoteCounter();
  const onNote = notes.add;
  const sets = devSets({ data, task: info, labels, languages, devLimit, encode, onNote });
  const dev = new Map([...sets].map(([language, set]) => [language, held(set)]));
  const examples = readSplit({
    folder: data,
    task: info.name,
    language: TRAIN_LANGUAGE,
    split: 'train',
    labels,
    onNote,
  })
    .slice(0, config.trainLimit)
    .map((example) => ({ example, encoded: encode(example) }));
  const { train, heldOut } = holdOut(
    examples,
    ({ example }) => sharedText(example, info),
    (found) => tokenCount(found.flatMap(({ encoded }) => encoded)) >= HELD_OUT_TOKENS,
  );
  return {
    task: info,
    labels,
    train: train.flatMap(({ encoded }) => encoded),
    heldOut: heldOut.flatMap(({ encoded }) => encoded),
    trainLanguages: [TRAIN_LANGUAGE],
    dev,
    unofficialLanguages: [...dev].filter(([, { official }]) => !official).map(([language]) => language),
    remarks: [
      ...notes.sentences(),
      ...(extra.length > 0
        ? [`The teacher has labels that the task does not have, which the student keeps: ${listed(extra)}.`]
        : []),
      ...(heldOut.length > 0
        ? []
        : ['The training set is too small to hold text out: ways to quantize are chosen on it.']),
      ...missingLanguages(info, 'dev', languages, dev),
    ],
  };
}

/** The labels of a run: those of its teacher in their order, or of the task where none is given. */
function matchedLabels(
  folder: string | undefined,
  teacher: Head | undefined,
  info: Task,
  labels: readonly string[],
): TeacherLabels {
  if (folder === undefined) return { labels, extra: [] };
  if (teacher === undefined) throw noHead(folder);
  requireHead(folder, teacher, info);
  return teacherLabels(teacher.labels, labels, folder);
}

/** A sentence about the official languages that are not there, unless languages were chosen. */
export function missingLanguages(
  { name, languages }: Task,
  split: SplitName = 'dev',
  chosen: readonly string[] | undefined,
  found: ReadonlyMap<string, unknown>,
): string[] {
  const missing = languages.filter((language) => !found.has(language));
  if (chosen !== undefined || missing.length === 0) return [];
  return [`${name} has no ${split} set here in ${missing.join(', ')}, which the official average has.`];
}

/**
 * The dev sets of a task, by language, each read and tokenised in one pass whenever its chunks are asked for: memory
 * does not grow with the files. (Ranking alone comes in one chunk, since a query's pages are scored together.)
 *
 * @throws SdqError `path-not-found`; `unknown-name` for a language that is not in the folder; `empty-data`
 */
export function devSets(request: DevRequest): ReadonlyMap<string, DevSet> {
  const { data, task: info, split = 'dev', labels, encode, onNote } = request;
  const found = listLanguages(data, info.name, split);
  const languages = request.languages ?? found.map(({ language }) => language);
  if (languages.length === 0) {
    const others = SPLITS.filter((other) => listLanguages(data, info.name, other).length > 0);
    const hint = others.length > 0 ? `, only ${others.join(' and ')}` : ' in the layout that is read';
    throw new SdqError('empty-data', `${data} has no ${split} set of ${info.name}${hint}.`);
  }
  const size = info.kind === 'ranking' ? Number.POSITIVE_INFINITY : CHUNK_EXAMPLES;
  return new Map(
    languages.map((language) => {
      const read = () =>
        streamSplit({
          folder: data,
          task: info.name,
          language,
          split,
          labels,
          ...(onNote && { onNote }),
        });
      const official = found.some((one) => one.language === language && one.official);
      const chunks = function* (): Generator<DevChunk> {
        for (const gold of groups(read(), size, request.devLimit)) {
          const encoded = gold.map(encode);
          const offsets = [0];
          for (const { length } of encoded) offsets.push(offsets.at(-1)! + length);
          yield { gold, encoded: encoded.flat(), offsets };
        }
      };
      return [language, { official, chunks }];
    }),
  );
}

function held(set: DevSet): DevSet {
  const chunks = [...set.chunks()];
  return { ...set, chunks: () => chunks };
}

function* groups<T>(items: Iterable<T>, size: number, limit = Number.POSITIVE_INFINITY): Generator<T[]> {
  let group: T[] = [];
  let taken = 0;
  for (const item of items) {
    group.push(item);
    taken += 1;
    if (group.length >= size || taken >= limit) {
      yield group;
      group = [];
    }
    if (taken >= limit) return;
  }
  if (group.length > 0) yield group;
}

/** Turns an example into token ids and class indices; a question into one a window. */
export function exampleEncoder(
  tokenizer: Tokenizer,
  labels: readonly string[],
  maxLength: number,
): (example: Example) => EncodedExample[] {
  const classOf = new Map(labels.map((label, i) => [label, i]));
  return (example) => {
    if (example.kind === 'words') {
      const { ids, tokenTypes, firstPiece, cut } = tokenizer.encodeWords(example.words, maxLength);
      const rows = new Int32Array(ids.length).fill(IGNORED_LABEL);
      firstPiece.forEach((row, word) => {
        if (row >= 0) rows[row] = classOf.get(example.labels[word]!)!;
      });
      return [{ ids, tokenTypes, labels: rows, firstPiece, ...(cut && { cut }) }];
    }
    if (example.kind === 'text') {
      // Two segments are all that an encoder knows: an ad's or page's title and text are one of them.
      const [first, ...rest] = example.texts;
      const second = rest.length > 0 ? rest.join(' ') : undefined;
      const encoded = tokenizer.encodeTyped(first!, second, maxLength);
      return [{ ...encoded, labels: Int32Array.of(classOf.get(example.label)!) }];
    }
    if (example.kind === 'span') return spanWindows(tokenizer, example, maxLength);
    throw new SdqError('bad-data', `An example of kind "${example.kind}" has no class.`);
  };
}

/** The examples of a dev set. */
export function goldOf(set: DevSet): Example[] {
  return [...set.chunks()].flatMap(({ gold }) => gold);
}

/** The tokens of a dev set. */
export function tokensOf(set: DevSet): number {
  return sumOver(set, ({ encoded }) => tokenCount(encoded));
}

/** The examples that were longer than the model takes and were cut. */
export function cutExamples({ gold, encoded, offsets }: DevChunk): number {
  return gold.filter((_, i) => encoded[offsets[i]!]?.cut).length;
}

/** The sum of a count over a dev set. */
export function sumOver(set: DevSet, count: (chunk: DevChunk) => number): number {
  let sum = 0;
  for (const chunk of set.chunks()) sum += count(chunk);
  return sum;
}

/** The tokens of some examples. */
export function tokenCount(examples: readonly EncodedExample[]): number {
  return examples.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** The share of the most frequent label or tag of some examples; 0 where examples have none. */
export function majorityShare(gold: readonly Example[]): number {
  const counts = new Map<string, number>();
  let total = 0;
  for (const example of gold) {
    for (const label of example.kind === 'words'
      ? example.labels
      : example.kind === 'text'
        ? [example.label]
        : []) {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      total += 1;
    }
  }
  return total === 0 ? 0 : Math.max(...counts.values()) / total;
}

import { SdqError } from '@sdq/core';
import { IGNORED_LABEL } from '@sdq/kernels';
import type { Tokenizer } from '@sdq/models';
import {
  type Example,
  listLanguages,
  type Predictions,
  readSplit,
  score,
  type Task,
  task,
  taskLabels,
} from '@sdq/xglue';
import type { EncodedExample } from './encoded-example.ts';
import { type Classifier, predictClasses } from './predict.ts';
import type { RunConfig } from './run-config.ts';

/** The dev set of one language: as read, and as token ids. */
export interface DevSet {
  readonly gold: readonly Example[];
  readonly encoded: readonly EncodedExample[];
}

/** A task's data, ready for training and scoring. */
export interface Dataset {
  readonly task: Task;
  readonly labels: readonly string[];
  /** The English training set. */
  readonly train: readonly EncodedExample[];
  /** By language. */
  readonly dev: ReadonlyMap<string, DevSet>;
  readonly unofficialLanguages: readonly string[];
}

const TASK_KINDS = ['sequence', 'pair', 'token'];

/**
 * Reads and tokenises the English training set and the dev sets of a task.
 *
 * @throws SdqError as the readers of `@sdq/xglue`; `bad-option` for a task that has no classes
 */
export function loadDataset(config: RunConfig, tokenizer: Tokenizer): Dataset {
  const info = task(config.task);
  if (!TASK_KINDS.includes(info.kind)) {
    throw new SdqError(
      'bad-option',
      `The task ${info.name} is no classification task: a run cannot train it yet.`,
    );
  }
  const labels = taskLabels(config.data, info.name);
  const encode = exampleEncoder(tokenizer, labels, config.maxLength);
  const read = (language: string, split: 'train' | 'dev', limit: number | undefined) =>
    readSplit({ folder: config.data, task: info.name, language, split, labels }).slice(0, limit);
  const found = listLanguages(config.data, info.name, 'dev');
  const languages = config.languages ?? found.map(({ language }) => language);
  const dev = new Map(
    languages.map((language) => {
      const gold = read(language, 'dev', config.devLimit);
      return [language, { gold, encoded: gold.map(encode) }];
    }),
  );
  return {
    task: info,
    labels,
    train: read('en', 'train', config.trainLimit).map(encode),
    dev,
    unofficialLanguages: found
      .filter(({ language, official }) => !official && dev.has(language))
      .map(({ language }) => language),
  };
}

/** Turns examples into token ids and class indices. */
export function exampleEncoder(
  tokenizer: Tokenizer,
  labels: readonly string[],
  maxLength: number,
): (example: Example) => EncodedExample {
  const classOf = new Map(labels.map((label, i) => [label, i]));
  return (example) => {
    if (example.kind === 'words') {
      const { ids, tokenTypes, firstPiece } = tokenizer.encodeWords(example.words, maxLength);
      const rows = new Int32Array(ids.length).fill(IGNORED_LABEL);
      firstPiece.forEach((row, word) => {
        if (row >= 0) rows[row] = classOf.get(example.labels[word]!)!;
      });
      return { ids, tokenTypes, labels: rows, firstPiece };
    }
    if (example.kind === 'text') {
      const [first, second] = example.texts;
      return {
        ...tokenizer.encodeTyped(first!, second, maxLength),
        labels: Int32Array.of(classOf.get(example.label)!),
      };
    }
    throw new SdqError('bad-data', `An example of kind "${example.kind}" has no class.`);
  };
}

/** The official score of a classifier in each of some languages. */
export async function scoreLanguages(
  classify: Classifier,
  dataset: Pick<Dataset, 'task' | 'labels' | 'dev'>,
  languages: Iterable<string>,
  onTokens: (tokens: number) => void = () => {},
): Promise<Record<string, number>> {
  const scores: Record<string, number> = {};
  let before = 0;
  for (const language of languages) {
    const { gold, encoded } = dataset.dev.get(language)!;
    const classes = await predictClasses(classify, encoded, (tokens) => onTokens(before + tokens));
    before += tokenCount(encoded);
    scores[language] = score(dataset.task.name, gold, toPredictions(dataset, classes));
  }
  return scores;
}

/** The tokens of some examples. */
export function tokenCount(examples: readonly EncodedExample[]): number {
  return examples.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** The share of the most frequent label or tag of a dev set. */
export function majorityShare({ gold }: DevSet): number {
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
  return Math.max(...counts.values()) / total;
}

function toPredictions(
  dataset: Pick<Dataset, 'task' | 'labels'>,
  classes: readonly Int32Array[],
): Predictions {
  const { labels, task } = dataset;
  if (task.kind !== 'token') return classes.map(([label]) => labels[label!]!);
  // The official scorer counts a word without a prediction as "O".
  return classes.map((words) => [...words].map((label) => (label < 0 ? 'O' : labels[label]!)));
}

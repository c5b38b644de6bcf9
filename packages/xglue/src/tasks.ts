import { unknownName } from '@sdq/core';

/** What a model has to give for a task. */
export type TaskKind = 'sequence' | 'pair' | 'token' | 'span' | 'ranking' | 'generation';

/** How a task is scored; every metric is in [0, 1], higher is better. */
export type MetricName = 'accuracy' | 'entity-f1' | 'tag-precision' | 'ndcg' | 'mlqa-f1' | 'bleu';

/** The three parts of a task's data. */
export type SplitName = 'train' | 'dev' | 'test';

/** The names of the 11 tasks. */
export type TaskName =
  | 'NER'
  | 'POS'
  | 'NC'
  | 'MLQA'
  | 'XNLI'
  | 'PAWSX'
  | 'QADSM'
  | 'WPR'
  | 'QAM'
  | 'QG'
  | 'NTG';

/** Which examples of a task are one unit of evidence: tests and intervals swap and resample them together. */
export interface TaskUnits {
  /**
   * By what an example is found in the other languages, whose examples are its translations: its place in the file, or
   * its id. Absent where each language has examples of its own.
   */
  readonly parallel?: 'line' | 'id';
  /** The first columns, or the field, whose text the examples of a cluster share: a premise, a context. */
  readonly cluster?: readonly string[];
  /** What stands in place of a text that is missing: sharing it ties no examples together. */
  readonly placeholder?: string;
}

/** One of XGLUE's tasks, as data. */
export interface Task {
  readonly name: TaskName;
  readonly kind: TaskKind;
  readonly metric: MetricName;
  /** The languages of the official benchmark, as codes. */
  readonly languages: readonly string[];
  /** The labels in the order of the classes, where the benchmark fixes them. */
  readonly labels?: readonly string[];
  /** The file that lists the labels, one a line, from the data folder. */
  readonly labelFile?: string;
  /** Where each split lies, from the data folder; `{language}` stands for the code. */
  readonly files: Readonly<Record<SplitName, string>>;
  /** The tab-separated columns, where the task is one example a line. */
  readonly columns?: readonly string[];
  /** Which examples depend on each other; where it says nothing, each is a unit of its own. */
  readonly units: TaskUnits;
}

const columnFiles = (name: TaskName): Task['files'] => {
  const file = (split: SplitName) => `${name}/xglue.${name.toLowerCase()}.{language}.${split}`;
  return { train: file('train'), dev: file('dev'), test: file('test') };
};

const wordFiles = (name: TaskName): Task['files'] => {
  const file = (split: SplitName) => `${name}/{language}.${split}`;
  return { train: file('train'), dev: file('dev'), test: file('test') };
};

const generationFiles = (name: TaskName): Task['files'] => {
  const file = (split: SplitName) => `${name}/xglue.${name.toLowerCase()}.{language}.src.${split}`;
  return { train: file('train'), dev: file('dev'), test: file('test') };
};

const mlqaFile = (split: SplitName) =>
  `MLQA/MLQA_V1/${split}/${split}-context-{language}-question-{language}.json`;

const codes = (list: string): readonly string[] => list.split(' ');

/**
 * The 11 tasks of XGLUE (Liang et al., 2020, "XGLUE: A New Benchmark Dataset for Cross-lingual Pre-training,
 * Understanding and Generation"), in the order of its score sheet.
 */
export const tasks: readonly Task[] = [
  {
    name: 'NER',
    kind: 'token',
    metric: 'entity-f1',
    languages: codes('de en es nl'),
    labelFile: 'NER/labels.txt',
    files: wordFiles('NER'),
    units: {},
  },
  {
    name: 'POS',
    kind: 'token',
    metric: 'tag-precision',
    languages: codes('ar bg de el en es fr hi it nl pl pt ru th tr ur vi zh'),
    labelFile: 'POS/labels',
    files: wordFiles('POS'),
    units: {},
  },
  {
    name: 'NC',
    kind: 'sequence',
    metric: 'accuracy',
    languages: codes('de en es fr ru'),
    files: columnFiles('NC'),
    columns: ['title', 'body', 'category'],
    // The official languages have articles of their own; topic sets made of translations use the same files.
    units: { parallel: 'line' },
  },
  {
    name: 'MLQA',
    kind: 'span',
    metric: 'mlqa-f1',
    languages: codes('ar de en es hi vi zh'),
    files: { train: 'MLQA/squad1.1/train-v1.1.json', dev: mlqaFile('dev'), test: mlqaFile('test') },
    units: { parallel: 'id', cluster: ['context'] },
  },
  {
    name: 'XNLI',
    kind: 'pair',
    metric: 'accuracy',
    languages: codes('ar bg de el en es fr hi ru sw th tr ur vi zh'),
    labels: ['entailment', 'neutral', 'contradiction'],
    files: {
      train: 'XNLI/multinli.train.{language}.tsv',
      dev: 'XNLI/{language}.dev',
      test: 'XNLI/{language}.test',
    },
    columns: ['premise', 'hypothesis', 'label'],
    units: { parallel: 'line', cluster: ['premise'] },
  },
  {
    name: 'PAWSX',
    kind: 'pair',
    metric: 'accuracy',
    languages: codes('de en es fr'),
    labels: ['0', '1'],
    files: {
      train: 'PAWSX/{language}/train.tsv',
      dev: 'PAWSX/{language}/dev_2k.tsv',
      test: 'PAWSX/{language}/test_2k.tsv',
    },
    columns: ['id', 'sentence1', 'sentence2', 'label'],
    units: { parallel: 'id', cluster: ['sentence1', 'sentence2'], placeholder: 'NS' },
  },
  {
    name: 'QADSM',
    kind: 'pair',
    metric: 'accuracy',
    languages: codes('de en fr'),
    labels: ['Good', 'Bad'],
    files: columnFiles('QADSM'),
    columns: ['query', 'ad title', 'ad description', 'label'],
    units: { cluster: ['query'] },
  },
  {
    name: 'WPR',
    kind: 'ranking',
    metric: 'ndcg',
    languages: codes('de en es fr it pt zh'),
    labels: ['0', '1', '2', '3', '4'],
    files: columnFiles('WPR'),
    columns: ['query', 'title', 'snippet', 'label'],
    units: { cluster: ['query'] },
  },
  {
    name: 'QAM',
    kind: 'pair',
    metric: 'accuracy',
    languages: codes('de en fr'),
    labels: ['0', '1'],
    files: columnFiles('QAM'),
    columns: ['question', 'passage', 'label'],
    units: { cluster: ['question'] },
  },
  {
    name: 'QG',
    kind: 'generation',
    metric: 'bleu',
    languages: codes('de en es fr it pt'),
    files: generationFiles('QG'),
    units: { cluster: ['source'] },
  },
  {
    name: 'NTG',
    kind: 'generation',
    metric: 'bleu',
    languages: codes('de en es fr ru'),
    files: generationFiles('NTG'),
    units: {},
  },
];

/**
 * The task of that name.
 *
 * @throws {SdqError} `unknown-name`, listing the tasks
 *
 * @example
 * ```ts
 * import { task } from '@sdq/xglue';
 *
 * task('XNLI').labels; // ['entailment', 'neutral', 'contradiction']
 * ```
 */
export function task(name: string): Task {
  const found = tasks.find((candidate) => candidate.name === name);
  if (found === undefined) {
    throw unknownName(
      'task',
      name,
      tasks.map((known) => known.name),
    );
  }
  return found;
}

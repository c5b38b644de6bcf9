import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { METHODS } from '@sdq/core/results';
import { examplesHash, modelHash, readTokenizerJson } from '@sdq/models';
import { pluginsHash, type RunConfig, resolveRunConfig } from '../config/index.ts';
import { type Dataset, devSetHash } from '../data/index.ts';
import { differencesText, optionDifferences } from './option-differences.ts';

/** What a stage computes from, so that it can be told later whether that is still the same. */
export interface StageInputs {
  /** By what it is, the SHA-256 of all that decides the weights. */
  readonly hashes: Readonly<Record<string, string>>;
  /** The options that decide the weights. */
  readonly options: Readonly<Record<string, unknown>>;
  /** By language, the SHA-256 of the dev set, which decides the scores. */
  readonly dev: Readonly<Record<string, string>>;
  /** By option, where the paths of the configuration led. */
  readonly places: Readonly<Record<string, string>>;
}

/** The options that are paths: what these lead to is compared, not their text. */
export const PATH_OPTIONS = ['data', 'model', 'teacher', 'plugins'] as const;
type PathOption = (typeof PATH_OPTIONS)[number];

/** By the name of an input, the option whose path leads to it. */
const OPTION_OF: Readonly<Record<string, PathOption>> = {
  'the training set': 'data',
  'the labels': 'data',
  'the English dev set': 'data',
  'the model': 'model',
  'the tokenizer': 'model',
  'the given teacher': 'teacher',
  'the plug-ins': 'plugins',
};

/** The inputs of the stages of a run. */
export class RunInputs {
  private constructor(
    private readonly config: RunConfig,
    private readonly common: Pick<StageInputs, 'dev' | 'places'>,
    private readonly hashes: {
      readonly data: Readonly<Record<string, string>>;
      readonly englishDev: Readonly<Record<string, string>>;
      readonly tokenizer: Readonly<Record<string, string>>;
      readonly start: Readonly<Record<string, string>>;
      readonly plugins: Readonly<Record<string, string>>;
    },
  ) {}

  /** @throws SdqError as {@link modelHash}, for the model or teacher */
  static async of(config: RunConfig, dataset: Dataset): Promise<RunInputs> {
    const { model, teacher, plugins } = config;
    const dev = Object.fromEntries([...dataset.dev].map(([language, set]) => [language, devSetHash(set)]));
    const tokenizer = sha256(JSON.stringify(await readTokenizerJson(model)));
    return new RunInputs(
      config,
      { dev, places: placesOf(config) },
      {
        data: {
          'the training set': examplesHash([...dataset.train, ...dataset.heldOut]),
          'the labels': sha256(JSON.stringify(dataset.labels)),
        },
        englishDev: dev.en === undefined ? {} : { 'the English dev set': dev.en },
        tokenizer: { 'the tokenizer': tokenizer },
        start:
          teacher === undefined
            ? { 'the model': await modelHash(model) }
            : { 'the given teacher': await modelHash(teacher) },
        plugins: plugins ? { 'the plug-ins': pluginsHash(plugins) } : {},
      },
    );
  }

  /** Of the fp32 teacher, trained here or given. */
  get teacher(): StageInputs {
    const { config, common } = this;
    const { data, tokenizer, start, plugins, englishDev } = this.hashes;
    if (config.teacher !== undefined) {
      return {
        ...common,
        hashes: { ...start, ...tokenizer, 'the labels': data['the labels']! },
        options: teacherOptions(config),
      };
    }
    const noisy = config.finetune.noise !== undefined;
    const english = choosesByScore(config.finetune) ? englishDev : {};
    return {
      ...common,
      hashes: { ...start, ...tokenizer, ...data, ...english, ...(noisy && plugins) },
      options: teacherOptions(config),
    };
  }

  /**
   * Of a stage that quantizes the teacher.
   *
   * @param teacher - the hash of the teacher in the run folder
   */
  quantized(stage: string, teacher: string): StageInputs {
    const { config, common } = this;
    const { data, tokenizer, plugins, englishDev } = this.hashes;
    const english = isTrained(stage) && choosesByScore(config.quantized) ? englishDev : {};
    return {
      ...common,
      hashes: { 'the teacher': teacher, ...tokenizer, ...data, ...english, ...plugins },
      options: quantizedOptions(stage, config),
    };
  }
}

/** What is another than a stage recorded, as parts of a sentence. */
export interface InputChanges {
  /** What decides the weights. */
  readonly weights: readonly string[];
  /** What decides the scores alone. */
  readonly scores: readonly string[];
  /** The options whose paths lead elsewhere now, to other content. */
  readonly moved: readonly { readonly option: string; readonly before: string; readonly now: string }[];
}

/** Compares what a stage recorded with what is there. */
export function inputChanges(
  stage: string,
  before: StageInputs,
  now: StageInputs,
  config: RunConfig,
): InputChanges {
  const names = Object.keys(before.hashes).filter((name) => before.hashes[name] !== now.hashes[name]);
  const { task, teacher, model } = config;
  // An option that has come since then had its default.
  const defaults = resolveRunConfig({ ...{ task, teacher, model }, data: '.', out: '.' });
  const had = { ...optionsOf(stage, defaults), ...before.options };
  const options = optionDifferences(had, now.options);
  const languages = [...new Set([...Object.keys(before.dev), ...Object.keys(now.dev)])].filter(
    (language) => before.dev[language] !== now.dev[language],
  );
  const changed = [...names.map((name) => OPTION_OF[name]), ...languages.map(() => 'data')];
  return {
    weights: [...names, ...(options.length > 0 ? [`the options (${differencesText(options)})`] : [])],
    scores: languages.length === 0 ? [] : [`the dev set of ${languages.slice(0, 20).join(', ')}`],
    moved: PATH_OPTIONS.filter((option) => changed.includes(option)).flatMap((option) => {
      const [from, to] = [before.places[option], now.places[option]];
      return from === undefined || to === undefined || from === to ? [] : [{ option, before: from, now: to }];
    }),
  };
}

/** Where the paths of a configuration lead. */
function placesOf(config: RunConfig): Record<string, string> {
  return Object.fromEntries(
    PATH_OPTIONS.flatMap((option) => {
      const paths = [config[option] ?? []].flat();
      return paths.length === 0 ? [] : [[option, paths.map(realPath).join(' ')]];
    }),
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // A plug-in may be the name of a package.
    return path;
  }
}

function optionsOf(stage: string, config: RunConfig): Record<string, unknown> {
  return stage === 'teacher' ? teacherOptions(config) : quantizedOptions(stage, config);
}

function teacherOptions(config: RunConfig): Record<string, unknown> {
  const { teacher, seed, trainEmbeddings, finetune, plan } = config;
  if (teacher !== undefined) return {};
  return { seed, trainEmbeddings, finetune, ...(finetune.noise && { plan }) };
}

function quantizedOptions(stage: string, config: RunConfig): Record<string, unknown> {
  const { seed, plan, calibrationBatches, quantized, trainEmbeddings } = config;
  const common = { seed, plan, calibrationBatches };
  const method = METHODS.find(({ key }) => key === stage);
  if (!method || method.weights === 'none') return common;
  const { noise, products, distillation, teacherCache } = config;
  return {
    ...common,
    trainEmbeddings,
    quantized,
    ...(method.weights === 'noise' && { noise }),
    ...(method.weights === 'products' && { products }),
    ...(method.distils && { distillation, teacherCache }),
  };
}

const isTrained = (stage: string): boolean =>
  METHODS.some(({ key, weights }) => key === stage && weights !== 'none');

function choosesByScore({ keep, patience }: RunConfig['finetune'] | RunConfig['quantized']): boolean {
  return keep === 'best' || patience > 0;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

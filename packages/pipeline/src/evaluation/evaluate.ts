import type { Reporter } from '@sdq/core';
import { type Evaluation, type ModelScores, meanScore } from '@sdq/core/results';
import type { Classifier } from '@sdq/models';
import { type ExternalClassifier, type LoadedClassifier, loadClassifier } from '@sdq/serve';
import { NoteCounter, type Predictions, type SplitName } from '@sdq/xglue';
import { textLength } from '../config/index.ts';
import { devSets, exampleEncoder, missingLanguages, requireHead, trainableTask } from '../data/index.ts';
import {
  averageInterval,
  compareAverage,
  compareLanguages,
  fairness,
  type LanguageTallies,
  languageIntervals,
  mapValues,
} from '../results/index.ts';
import { evaluateLanguage, type LanguageEvaluation } from './evaluate-language.ts';

/** What to evaluate. */
export interface EvaluationOptions {
  /** The model's folder. */
  readonly model: string;
  /** The folder of the model to compare with: the one from before, such as the fp32 teacher. */
  readonly against?: string | undefined;
  readonly task: string;
  /** The folder that holds NC/, POS/, .... */
  readonly data: string;
  /** Which split to score; `dev` if absent. */
  readonly split?: SplitName | undefined;
  /** The languages; all that the split has, if absent. */
  readonly languages?: readonly string[] | undefined;
  /** The first so many examples of each language. */
  readonly devLimit?: number | undefined;
  /** Longer texts are cut to this many tokens, or to what the model takes; the task's default if absent. */
  readonly maxLength?: number | undefined;
  /** Loads a model's folder; {@link loadClassifier} if absent. */
  readonly load?: ((folder: string) => Promise<EvaluatedModel>) | undefined;
}

/** A model that can be evaluated, in tfjs or outside of it. */
export type EvaluatedModel = Omit<LoadedClassifier, 'classify'> & {
  readonly classify: Classifier | ExternalClassifier;
};

/**
 * Scores a saved model on the dev sets, or another split, of a task, in all languages, and compares it with another.
 *
 * @param onPredictions - told what the model predicts in each language
 * @throws SdqError as {@link loadClassifier} and the readers of `@sdq/xglue`; `bad-checkpoint` for a model of another
 * kind of task
 */
export async function evaluate(
  options: EvaluationOptions,
  reporter: Reporter,
  onPredictions: (language: string, predictions: Predictions) => void = () => {},
): Promise<Evaluation> {
  const task = trainableTask(options.task);
  const notes = new NoteCounter();
  const { tallies, languages, ...own } = await scoresOf(
    options,
    options.model,
    reporter,
    notes,
    onPredictions,
  );
  const evaluation = {
    task: task.name,
    metric: task.metric,
    split: options.split ?? 'dev',
    ...own,
    examples: mapValues(languages, ({ examples }) => examples),
    unofficialLanguages: Object.keys(languages).filter((language) => !languages[language]!.official),
    remarks: [
      ...notes.sentences(),
      ...missingLanguages(task, options.split, options.languages, new Map(Object.entries(languages))),
    ],
  };
  if (options.against === undefined) return evaluation;
  const other = await scoresOf(options, options.against, reporter, new NoteCounter());
  const { tallies: before, languages: _, ...against } = other;
  const changes = compareLanguages(before, tallies);
  return { ...evaluation, against: { ...against, changes, averageChange: compareAverage(before, tallies) } };
}

async function scoresOf(
  options: EvaluationOptions,
  model: string,
  reporter: Reporter,
  notes: NoteCounter,
  onPredictions: (language: string, predictions: Predictions) => void = () => {},
): Promise<
  ModelScores & {
    readonly tallies: LanguageTallies;
    readonly languages: Readonly<Record<string, LanguageEvaluation & { official: boolean }>>;
  }
> {
  const task = trainableTask(options.task);
  const { data, split, languages, devLimit } = options;
  const loaded = await (options.load ?? loadClassifier)(model);
  const { classify, tokenizer, head, quantized, precision, close } = loaded;
  const maxLength = textLength(task.name, options.maxLength, loaded.maxLength);
  const found: Record<string, LanguageEvaluation & { official: boolean }> = {};
  const started = performance.now();
  let [done, before] = [0, 0];
  try {
    requireHead(model, head, task);
    const { labels } = head;
    const encode = exampleEncoder(tokenizer, labels, maxLength);
    const onNote = notes.add;
    const sets = devSets({ data, task, split, labels, languages, devLimit, encode, onNote });
    reporter.start(`scoring ${task.name}`, sets.size, 'languages');
    for (const [language, set] of sets) {
      const evaluation = await evaluateLanguage(classify, { task, labels }, language, set, (tokens) =>
        reporter.progress(done, {
          'tokens/s': (1000 * (before + tokens)) / (performance.now() - started),
        }),
      );
      onPredictions(language, evaluation.predictions);
      found[language] = { ...evaluation, predictions: [], official: set.official };
      done += 1;
      before += evaluation.tokens;
    }
  } finally {
    reporter.stop();
    await close();
  }
  const scores = mapValues(found, ({ score }) => score);
  const tallies = mapValues(found, ({ tally }) => tally);
  return {
    model,
    quantized,
    maxLength,
    ...(precision !== undefined && { precision }),
    scores,
    average: meanScore(scores),
    intervals: languageIntervals(tallies),
    averageInterval: averageInterval(tallies),
    fairness: fairness(scores),
    cut: mapValues(found, ({ cut }) => cut),
    tallies,
    languages: found,
  };
}

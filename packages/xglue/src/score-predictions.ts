import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { quoted, SdqError, unknownName } from '@sdq/core';
import type { Example } from './examples.ts';
import { taskLabels } from './labels.ts';
import { listLanguages } from './layout.ts';
import { NoteCounter } from './note-counter.ts';
import { predictionPath, readPredictions } from './prediction-files.ts';
import { isList, type Predictions } from './predictions.ts';
import { readSplit } from './read-split.ts';
import { average, score } from './score.ts';
import { type SplitName, type Task, task, tasks } from './tasks.ts';
import { countUnpaired } from './unpaired.ts';

/** What to score. */
export interface ScoreOptions {
  /** The data folder that holds NC/, POS/, .... */
  readonly gold: string;
  /** The folder that holds NC/en.prediction, POS/en.prediction, .... */
  readonly predictions: string;
  /** The tasks; those with a folder of predictions if left out. */
  readonly tasks?: readonly string[];
  readonly split: SplitName;
  /** The languages; all that have both gold and predictions if left out. */
  readonly languages?: readonly string[];
}

/** Scores in [0, 1]. */
export interface ScoreSheet {
  /** By task and language: { POS: { en: 0.97, ... }, ... }. */
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** By task, over its languages. */
  readonly average: Readonly<Record<string, number>>;
  /** The mean of the tasks' averages. */
  readonly overall: number;
  /** What a reader of the scores has to know, one sentence each: predictions missing, languages left out. */
  readonly warnings: readonly string[];
}

/**
 * Scores a folder of prediction files with the official scorer's arithmetic.
 *
 * @throws {SdqError} as `readSplit` and `readPredictions`; `path-not-found` where a task has no predictions
 *
 * @example
 * ```ts
 * import { scorePredictions } from '@sdq/xglue';
 *
 * scorePredictions({ gold: 'xglue', predictions: 'predictions', tasks: ['XNLI'], split: 'dev' }).average;
 * ```
 */
export function scorePredictions(options: ScoreOptions): ScoreSheet {
  const warnings: string[] = [];
  const scores: Record<string, Record<string, number>> = {};
  for (const info of chosenTasks(options)) {
    const byLanguage: Record<string, number> = {};
    const labels = hasLabels(info) ? taskLabels(options.gold, info.name) : [];
    for (const language of chosenLanguages(options, info, warnings)) {
      const file = { folder: options.predictions, task: info.name, language };
      const notes = new NoteCounter();
      const { split } = options;
      const gold = readSplit({
        folder: options.gold,
        task: info.name,
        language,
        split,
        labels,
        onNote: notes.add,
      });
      const predictions = readPredictions({ ...file, onNote: notes.add });
      warnings.push(...unpairedWarnings(info, predictionPath(file), gold, predictions));
      warnings.push(...labelWarnings(info, labels, predictionPath(file), predictions));
      warnings.push(...notes.sentences());
      byLanguage[language] = score(info.name, gold, predictions, language);
    }
    scores[info.name] = byLanguage;
  }
  const averages = Object.fromEntries(
    Object.entries(scores).map(([name, values]) => [name, average(values)]),
  );
  return { scores, average: averages, overall: average(averages), warnings };
}

function chosenTasks(options: ScoreOptions): Task[] {
  if (!existsSync(options.predictions)) {
    throw new SdqError('path-not-found', `No folder ${options.predictions}: give the folder of predictions.`);
  }
  const chosen =
    options.tasks?.map((name) => task(name)) ??
    tasks.filter(({ name }) => existsSync(join(options.predictions, name)));
  if (chosen.length > 0) return chosen;
  const expected = 'expected files such as XNLI/en.prediction';
  throw new SdqError('path-not-found', `No predictions in ${options.predictions}: ${expected}.`);
}

function chosenLanguages(options: ScoreOptions, info: Task, warnings: string[]): string[] {
  const folder = join(options.predictions, info.name);
  const predicted = existsSync(folder)
    ? readdirSync(folder).flatMap((name) => /^([a-z]{2,3})\.prediction$/.exec(name)?.[1] ?? [])
    : [];
  if (predicted.length === 0) {
    throw new SdqError('path-not-found', `No predictions of ${info.name}: expected ${folder}/en.prediction.`);
  }
  const held = listLanguages(options.gold, info.name, options.split).map(({ language }) => language);
  if (options.languages !== undefined) {
    for (const language of options.languages) {
      if (!held.includes(language))
        throw unknownName(`${info.name} ${options.split} language`, language, held);
    }
    return [...options.languages];
  }
  const both = held.filter((language) => predicted.includes(language));
  const lacking = info.languages.filter((language) => !both.includes(language));
  const beyond = both.filter((language) => !info.languages.includes(language));
  const withoutGold = predicted.filter((language) => !held.includes(language)).sort();
  if (lacking.length > 0) {
    warnings.push(`${info.name} was not scored in ${lacking.join(', ')}, which the official average has.`);
  }
  if (beyond.length > 0) {
    warnings.push(`${info.name}'s average has ${beyond.join(', ')}, which the official one does not.`);
  }
  if (withoutGold.length > 0) {
    warnings.push(`${info.name} has predictions but no ${options.split} data in ${withoutGold.join(', ')}.`);
  }
  if (both.length > 0) return both;
  const have = `predictions are in ${predicted.join(', ')}, data in ${held.join(', ') || 'no language'}`;
  throw new SdqError('empty-data', `No language of ${info.name} to score: ${have}.`);
}

function unpairedWarnings(
  info: Task,
  file: string,
  gold: readonly Example[],
  predictions: Predictions,
): string[] {
  const { missing, extra } = countUnpaired(gold, predictions);
  const unit = info.kind === 'token' ? 'word' : 'example';
  const fate =
    info.kind === 'token' ? 'count as "O"' : info.kind === 'ranking' ? 'are left out' : 'count as wrong';
  const tooMany = info.kind === 'token' ? 'shift what follows them' : 'are ignored';
  return [
    ...(missing > 0 ? [`${file} has no predictions for ${plural(missing, unit)}, which ${fate}.`] : []),
    ...(extra > 0 ? [`${file} has ${plural(extra, 'prediction')} too many, which ${tooMany}.`] : []),
  ];
}

function labelWarnings(
  info: Task,
  labels: readonly string[],
  file: string,
  predictions: Predictions,
): string[] {
  if (!isList(predictions) || !hasLabels(info)) return [];
  const known = new Set([...labels, ...(info.kind === 'token' ? ['O'] : [])]);
  const unknown = predictions.flat().filter((label) => !known.has(label));
  if (unknown.length === 0) return [];
  const kinds = [...new Set(unknown)].slice(0, 5).map((label) => quoted(label));
  return [`${file} has ${plural(unknown.length, 'label')} outside the set: ${kinds.join(', ')}.`];
}

const hasLabels = (info: Task): boolean => info.kind !== 'span' && info.kind !== 'generation';

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

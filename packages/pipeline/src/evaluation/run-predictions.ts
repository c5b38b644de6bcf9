import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { olderName, type Range95, type RecordedConfig, type Results } from '@sdq/core/results';
import {
  type Example,
  listLanguages,
  type PairedTest,
  predictionPath,
  readPredictions,
  readSplit,
  tally,
  writePredictions,
} from '@sdq/xglue';
import { type Dataset, goldOf } from '../data/index.ts';
import {
  averageInterval,
  compareAverage,
  compareLanguages,
  fairness,
  type LanguageTallies,
  languageIntervals,
  mapValues,
} from '../results/index.ts';
import type { LanguageEvaluation } from './evaluate-language.ts';

/** Where a run keeps the predictions of a version of the model, as prediction files of the benchmark. */
const versionFolder = (runFolder: string, version: string): string => join(runFolder, 'predictions', version);

/** Writes what a version of the model predicts in a language. */
export function keepPredictions(
  runFolder: string,
  version: string,
  task: string,
  language: string,
  { predictions }: Pick<LanguageEvaluation, 'predictions'>,
): void {
  writePredictions({ folder: versionFolder(runFolder, version), task, language, predictions });
}

/** Copies what a version of the model predicts from one folder to another. */
export function copyPredictions(from: string, to: string, version: string): void {
  cpSync(versionFolder(from, version), versionFolder(to, version), { recursive: true });
}

/** The dev examples that a run scored, by language, or undefined if the data are no longer where the run found them. */
export function goldExamples(
  config: Pick<RecordedConfig, 'task' | 'data' | 'devLimit' | 'languages'>,
): ReadonlyMap<string, readonly Example[]> | undefined {
  const { task, data, devLimit } = config;
  if (!existsSync(data)) return undefined;
  const languages = config.languages ?? listLanguages(data, task, 'dev').map(({ language }) => language);
  return new Map(
    languages.map((language) => [
      language,
      readSplit({ folder: data, task, language, split: 'dev' }).slice(0, devLimit),
    ]),
  );
}

/**
 * What each example adds to the score of a version of the model, from the predictions that a run kept; undefined without them.
 *
 * @param gold - the dev examples that the run scored, by language
 */
export function versionTallies(
  runFolder: string,
  version: string,
  task: string,
  gold: ReadonlyMap<string, readonly Example[]>,
): LanguageTallies | undefined {
  const older = olderName(version);
  const folders = [version, ...(older === undefined ? [] : [older])].map((name) =>
    versionFolder(runFolder, name),
  );
  const folder = folders.find((path) => existsSync(path)) ?? folders[0]!;
  const file = (language: string) => ({ folder, task, language });
  if (![...gold.keys()].every((language) => existsSync(predictionPath(file(language))))) return undefined;
  return Object.fromEntries(
    [...gold].map(([language, examples]) => [
      language,
      tally(task, examples, readPredictions(file(language)), language),
    ]),
  );
}

/**
 * Intervals, tests against fp32 and fairness of all versions, from the predictions that a run kept; a version without
 * predictions has none.
 */
export function significanceOf(
  runFolder: string,
  dataset: Dataset,
  scores: Results['scores'],
): Pick<Results, 'intervals' | 'averageIntervals' | 'changes' | 'averageChanges' | 'fairness'> {
  const gold = new Map([...dataset.dev].map(([language, set]) => [language, goldOf(set)]));
  const read = (version: string) => versionTallies(runFolder, version, dataset.task.name, gold);
  const intervals: Record<string, Results['intervals'][string]> = {};
  const averageIntervals: Record<string, Range95> = {};
  const changes: Record<string, Results['changes'][string]> = {};
  const averageChanges: Record<string, PairedTest> = {};
  const fp32 = read('fp32');
  for (const version of Object.keys(scores)) {
    const tallies = version === 'fp32' ? fp32 : read(version);
    if (!tallies) continue;
    intervals[version] = languageIntervals(tallies);
    averageIntervals[version] = averageInterval(tallies);
    if (fp32 && version !== 'fp32') {
      changes[version] = compareLanguages(fp32, tallies);
      averageChanges[version] = compareAverage(fp32, tallies);
    }
  }
  return {
    intervals,
    averageIntervals,
    changes,
    averageChanges,
    fairness: mapValues(scores, fairness),
  };
}

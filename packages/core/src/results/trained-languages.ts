import { basename, dirname, resolve } from 'node:path';
import { SdqError } from '../errors.ts';
import { languageNames } from './language-names.ts';
import { readResults } from './read-results.ts';
import type { Results, TeacherRecord } from './results.ts';

/** What tells which languages the models of a run were fine-tuned on. */
export type TrainedRun = Pick<Results, 'trainLanguages' | 'teacherRecord'> & {
  readonly config: { readonly teacher?: string | undefined };
};

/** The languages that the models of a run were fine-tuned on; undefined where its results do not tell. */
function trainedLanguages(run: TrainedRun): readonly string[] | undefined {
  const { config, trainLanguages, teacherRecord } = run;
  if (trainLanguages === undefined || config.teacher === undefined) return trainLanguages;
  const before = teacherRecord?.trainLanguages;
  return before && [...new Set([...before, ...trainLanguages])];
}

/** One sentence about the languages that were trained on; none where the results do not tell. */
export function trainingSentence(run: TrainedRun): string | undefined {
  const { config, trainLanguages } = run;
  const languages = trainedLanguages(run);
  if (languages) {
    return `Fine-tuned on ${languageNames(languages)} alone: every other language is zero-shot.`;
  }
  if (config.teacher === undefined) return undefined;
  const own = trainLanguages ? ` This run's own training text is in ${languageNames(trainLanguages)}.` : '';
  return `The teacher was given: which languages it was fine-tuned on is not recorded.${own}`;
}

/** Of some languages those that the models of runs were not fine-tuned on, as far as their results tell. */
export function zeroShotLanguages(runs: readonly TrainedRun[], languages: readonly string[]): string[] {
  const trained = runs.flatMap(seenLanguages);
  return languages.filter((language) => !trained.includes(language));
}

/**
 * What tables call {@link zeroShotLanguages}: `zero-shot`, or `without en` where the teacher of a run was given and what it
 * was fine-tuned on is not recorded.
 */
export function zeroShotName(runs: readonly TrainedRun[]): string {
  const isKnown = (run: TrainedRun) =>
    run.config.teacher === undefined || trainedLanguages(run) !== undefined;
  return runs.every(isKnown)
    ? 'zero-shot'
    : `without ${[...new Set(runs.flatMap(seenLanguages))].join(', ')}`;
}

/** Older runs trained on English. */
function seenLanguages(run: TrainedRun): readonly string[] {
  return trainedLanguages(run) ?? run.trainLanguages ?? ['en'];
}

/** What the results of the run that made a teacher tell of it; nothing for a model from elsewhere. */
export function recordOfTeacher(teacher: string): TeacherRecord {
  const folder = resolve(teacher);
  if (basename(folder) !== 'teacher') return {};
  try {
    const results = readResults(dirname(folder));
    const model = startOf(results);
    const trainLanguages = trainedLanguages(results);
    return { ...(model !== undefined && { model }), ...(trainLanguages && { trainLanguages }) };
  } catch (error) {
    if (error instanceof SdqError) return {};
    throw error;
  }
}

/** The checkpoint that the models of a run were fine-tuned from; undefined where its results do not tell. */
export function startOf({
  config,
  teacherRecord,
}: Pick<Results, 'config' | 'teacherRecord'>): string | undefined {
  return config.teacher === undefined ? config.model : teacherRecord?.model;
}

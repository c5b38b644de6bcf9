import { SdqError } from '@sdq/core';
import {
  markedLabel,
  meanScore,
  type Results,
  scoredVersions,
  sortLanguages,
  zeroShotLanguages,
  zeroShotName,
} from '@sdq/core/results';

/** A finished run and what to call it. */
export interface NamedRun {
  readonly name: string;
  readonly results: Results;
}

/**
 * Runs of one task side by side, as rows of text: a row a version of each run, with its score in each language that all of
 * them have, the averages, the share of fp32's average that it keeps, and its size.
 *
 * @throws SdqError `bad-option` when the runs are of several tasks, or share no language
 */
export function comparisonTable(runs: readonly NamedRun[]): string[][] {
  const tasks = new Set(runs.map(({ results }) => results.task));
  if (tasks.size > 1) {
    throw new SdqError(
      'bad-option',
      `The runs are of several tasks, ${[...tasks].join(' and ')}: compare runs of one.`,
    );
  }
  const all = runs.map(({ results }) => new Set(Object.keys(results.scores.fp32!)));
  const languages = sortLanguages(
    [...(all[0] ?? [])].filter((language) => all.every((set) => set.has(language))),
  );
  if (languages.length === 0) throw new SdqError('bad-option', 'The runs have no language in common.');
  const results = runs.map((run) => run.results);
  const zeroShot = zeroShotLanguages(results, languages);
  const points = (score: number) => (100 * score).toFixed(1);
  return [
    ['', ...languages, 'average', zeroShotName(results), 'kept', 'MB'],
    ...runs.flatMap(({ name, results }) =>
      scoredVersions(results.scores).map((version) => {
        const own = results.scores[version]!;
        const bytes = results.bytes[version];
        const average = meanScore(own, languages);
        return [
          `${name} ${markedLabel(version, results)}`,
          ...languages.map((language) => points(own[language]!)),
          (100 * average).toFixed(2),
          zeroShot.length > 0 ? (100 * meanScore(own, zeroShot)).toFixed(2) : '',
          `${((100 * average) / meanScore(results.scores.fp32!, languages)).toFixed(2)} %`,
          bytes === undefined ? '' : (bytes / 1e6).toFixed(1),
        ];
      }),
    ),
  ];
}

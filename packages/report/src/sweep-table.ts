import {
  deviation,
  groupLabel,
  mean,
  meanScore,
  points,
  rowsBySetting,
  type SweepGroup,
  type SweepRun,
  sortLanguages,
  zeroShotName,
} from '@sdq/core/results';

/**
 * What a sweep found, as rows of text: for each setting and version, over the seeds, the mean score in English, in the
 * zero-shot languages and in all, the sample standard deviation of the last where there are several seeds, what is kept of
 * the fp32 average of the same seed, the same of the zero-shot languages, and the megabytes of the weights that were saved.
 */
export function sweepTable(runs: readonly SweepRun[]): string[][] {
  const others = zeroShotName(runs.map(({ results }) => results));
  return rowsByVersion(
    runs,
    ['seeds', 'en', others, 'average', 'sd', 'kept', `kept ${others}`, 'MB'],
    ({ runs: group }, version) => {
      const zeroShot = (of: string) => group.map(({ results }) => results.averageZeroShot[of] ?? Number.NaN);
      const averages = group.map(({ results }) => meanScore(results.scores[version]!));
      const kept = group.map(({ results }, i) => averages[i]! / meanScore(results.scores.fp32!));
      const keptZeroShot = zeroShot(version).map((score, i) => score / zeroShot('fp32')[i]!);
      const { bytes: saved, ptq } = group[0].results;
      const bytes = saved[version === 'ptq' ? ptq!.best : version];
      return [
        String(group.length),
        points(mean(group.map(({ results }) => results.scores[version]!.en ?? Number.NaN))),
        points(mean(zeroShot(version))),
        points(mean(averages)),
        group.length > 1 ? points(deviation(averages)) : '',
        percent(mean(kept)),
        percent(mean(keptZeroShot)),
        bytes === undefined ? '' : (bytes / 1e6).toFixed(1),
      ];
    },
  );
}

/** The mean score over the seeds in each language that all runs have, as rows of text: a row a setting and version. */
export function sweepLanguages(runs: readonly SweepRun[]): string[][] {
  const all = runs.map(({ results }) => new Set(Object.keys(results.scores.fp32!)));
  const languages = sortLanguages(
    [...(all[0] ?? [])].filter((language) => all.every((set) => set.has(language))),
  );
  return rowsByVersion(runs, languages, ({ runs: group }, version) =>
    languages.map((language) =>
      (100 * mean(group.map(({ results }) => results.scores[version]![language]!))).toFixed(1),
    ),
  );
}

/** A row for each setting and version, which the first columns name. */
function rowsByVersion(
  runs: readonly SweepRun[],
  head: readonly string[],
  cells: (group: SweepGroup, version: string) => string[],
): string[][] {
  return rowsBySetting(runs, ['version', ...head], (group) =>
    group.versions.map((version) => [groupLabel(version, group), ...cells(group, version)]),
  );
}

const percent = (share: number): string => (Number.isNaN(share) ? '' : `${points(share)} %`);

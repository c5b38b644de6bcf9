import {
  deviation,
  groupLabel,
  mean,
  meanScore,
  methodOfVersion,
  points,
  ptqRecipe,
  rowsBySetting,
  type SweepGroup,
  type SweepRun,
} from '@sdq/core/results';
import { holm, pairedMeanTest } from '@sdq/xglue';
import { goldExamples, versionTallies } from '../evaluation/index.ts';
import type { LanguageTallies } from '../results/index.ts';

// Leaves a p of .05 an error of .002.
const SAMPLES = 10_000;

/**
 * Whether the versions of a sweep's models differ, as rows of text: for each setting, each trained version less those that are
 * simpler, in points of the average over all languages. `sd` is the sample standard deviation of that difference over the seeds, `p`
 * that of a test by approximate randomisation in which the seeds and the languages that are translations share each example (Noreen 1989), adjusted by Holm's method for the tests of the setting.
 *
 * @returns no rows where the data or the predictions of the runs are gone
 */
export function sweepTests(runs: readonly SweepRun[]): string[][] {
  const head = ['version', 'less', 'difference', 'sd', 'p', 'adjusted p'];
  const table = rowsBySetting(runs, head, (group) => {
    const tests = testsOf(group);
    const adjusted = holm(tests.map(({ p }) => p));
    return tests.map(({ version, baseline, differences, p }, i) => [
      groupLabel(version, group),
      groupLabel(baseline, group),
      points(mean(differences)),
      differences.length > 1 ? points(deviation(differences)) : '',
      p.toFixed(4),
      adjusted[i]!.toFixed(4),
    ]);
  });
  return table.length === 1 ? [] : table;
}

function testsOf({ runs, versions }: SweepGroup) {
  // The runs differ by their seeds alone: they scored the same examples.
  const gold = goldExamples(runs[0].results.config);
  if (!gold) return [];
  const tallies = new Map<string, readonly LanguageTallies[]>();
  for (const version of versions) {
    const found = runs.map(({ results }) =>
      versionTallies(results.config.out, version === 'ptq' ? results.ptq!.best : version, results.task, gold),
    );
    if (found.every((one) => one !== undefined)) tallies.set(version, found);
  }
  return [...tallies].flatMap(([version, own]) =>
    baselinesOf(version, [...tallies.keys()]).map((baseline) => {
      const others = tallies.get(baseline)!;
      const groups = [...gold.keys()].map((language) =>
        own.map((tallies, i) => [tallies[language]!, others[i]![language]!] as const),
      );
      const differences = runs.map(
        ({ results: { scores } }) => meanScore(scores[version]!) - meanScore(scores[baseline]!),
      );
      const { p } = pairedMeanTest(groups, { samples: SAMPLES });
      return { version, baseline, differences, p };
    }),
  );
}

/** What a version is held against, of the versions that the runs have: of several recipes of PTQ, the best of each run. */
function baselinesOf(version: string, versions: readonly string[]): string[] {
  const baselines = methodOfVersion(version)?.baselines ?? [];
  const compared = versions.includes('ptq') ? versions.filter((other) => !ptqRecipe(other)) : versions;
  return compared.filter((other) => baselines.includes(methodOfVersion(other)?.version ?? other));
}

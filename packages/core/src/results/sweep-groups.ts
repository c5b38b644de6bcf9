import { ptqRecipe, scoredVersions, versionLabel } from './methods.ts';
import type { Results } from './results.ts';

/** A finished run of a sweep. */
export interface SweepRun {
  /** The values of the grid's options. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly results: Results;
}

/** The runs of a sweep that differ by their seeds alone. */
export interface SweepGroup {
  /** The values of the grid's other options, as text. */
  readonly settings: Readonly<Record<string, string>>;
  readonly runs: readonly [SweepRun, ...SweepRun[]];
  /** The versions that all of the runs scored. */
  readonly versions: readonly string[];
}

/** The runs of each task, whose name is then no more a setting of theirs. */
export function runsByTask(runs: readonly SweepRun[]): Map<string, SweepRun[]> {
  const tasks = new Map<string, SweepRun[]>();
  for (const { settings, results } of runs) {
    const { task, ...others } = settings;
    const own = tasks.get(results.task) ?? [];
    tasks.set(results.task, [...own, { settings: others, results }]);
  }
  return tasks;
}

/** The runs of each setting, in the order in which settings come first. */
function groupsOverSeeds(runs: readonly SweepRun[]): SweepGroup[] {
  const groups = new Map<string, [SweepRun, ...SweepRun[]]>();
  for (const run of runs) {
    const { seed, ...others } = run.settings;
    const key = JSON.stringify(others);
    const group = groups.get(key);
    if (group) group.push(run);
    else groups.set(key, [run]);
  }
  return [...groups.values()].map((group) => {
    const { seed, ...others } = group[0].settings;
    const settings = Object.fromEntries(
      Object.entries(others).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
    const versions = scoredVersions(group[0].results.scores).filter((version) =>
      group.every(({ results }) => version in results.scores),
    );
    return { settings, runs: group, versions: withBestPtq(versions, group) };
  });
}

/** The versions, and behind several of PTQ `ptq`: the best of each run, which may be another in each. */
function withBestPtq(versions: readonly string[], group: readonly SweepRun[]): readonly string[] {
  const recipes = versions.filter((version) => ptqRecipe(version) !== undefined);
  if (recipes.length < 2 || !group.every(({ results }) => results.ptq)) return versions;
  const behind = versions.indexOf(recipes.at(-1)!) + 1;
  return [...versions.slice(0, behind), 'ptq', ...versions.slice(behind)];
}

/** What a version of a group is called. */
export function groupLabel(version: string, { runs }: SweepGroup): string {
  return version === 'ptq' ? 'best PTQ' : versionLabel(version, runs[0].results.config);
}

/** Rows of text for each setting, which the first columns name, below a head. */
export function rowsBySetting(
  runs: readonly SweepRun[],
  head: readonly string[],
  rowsOf: (group: SweepGroup) => string[][],
): string[][] {
  const groups = groupsOverSeeds(runs);
  const options = [...new Set(groups.flatMap(({ settings }) => Object.keys(settings)))];
  const rows = groups.flatMap((group) =>
    rowsOf(group).map((cells) => [...options.map((option) => group.settings[option] ?? ''), ...cells]),
  );
  return [[...options, ...head], ...rows];
}

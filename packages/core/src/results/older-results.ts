import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { OLD_RECIPES, ptqVersion } from './methods.ts';
import type { Results } from './results.ts';

/** What versions were called before PTQ had recipes, and are now. */
const OLD_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(OLD_RECIPES).map(([old, recipe]) => [old, ptqVersion(recipe)]),
);

const BY_VERSION = [
  ...(['average', 'averageZeroShot', 'averageIntervals', 'averageChanges'] as const),
  ...(['intervals', 'changes', 'fairness'] as const),
];

/** What an older release called a version; undefined where its name is the same. */
export function olderName(version: string): string | undefined {
  return [...OLD_NAMES].find(([, name]) => name === version)?.[0];
}

/** Results of an older release, which had two PTQ versions of fixed names, as this one has them; others as they are. */
export function withRecipes(results: Results, folder: string): Results {
  const { scores } = results;
  if (![...OLD_NAMES.keys()].some((name) => name in scores)) return results;
  const best = scores.ptq && oldChoice(results, folder);
  const renamed = <T>(record: Readonly<Record<string, T>> | undefined, ptq?: string) =>
    record &&
    Object.fromEntries(
      Object.entries(record).map(([name, value]) => [
        OLD_NAMES.get(name) ?? (name === 'ptq' ? (ptq ?? name) : name),
        value,
      ]),
    );
  return {
    ...results,
    scores: renamed(scores)!,
    ...(best !== undefined && { ptq: { best, distances: {} } }),
    ...Object.fromEntries(
      BY_VERSION.flatMap((field) => (results[field] ? [[field, renamed<unknown>(results[field])]] : [])),
    ),
    bytes: renamed(results.bytes, best) as Results['bytes'],
    ...(results.bytesByPart && {
      bytesByPart: renamed(results.bytesByPart, best) as NonNullable<Results['bytesByPart']>,
    }),
  };
}

/** Which version `ptq` was: its stage says so; where that is gone, the one of the same scores. */
function oldChoice({ scores }: Results, folder: string): string {
  const file = join(folder, 'stages.json');
  const record = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as OldStages) : {};
  const chosen = record.ptq?.observer?.chosen;
  if (chosen === 'min-max' || chosen === 'percentile') return ptqVersion(chosen);
  return ptqVersion(isDeepStrictEqual(scores.ptq, scores.ptqPercentile) ? 'percentile' : 'min-max');
}

interface OldStages {
  readonly ptq?: { readonly observer?: { readonly chosen?: unknown } };
}

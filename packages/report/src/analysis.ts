import type { SiteError } from '@sdq/core/results';

/** The mean error of the same place in all layers. */
export interface PlaceError {
  /** The site, with a star in place of the layer. */
  readonly place: string;
  readonly part: SiteError['part'];
  /** The mean over layers, in dB, of the error that has accumulated there; null where a layer has lost nothing. */
  readonly sqnr: number | null;
  readonly mse: number;
  /** Of its own error. */
  readonly localSqnr: number | null;
}

const LAYER = /\.(\d+)\./;

/** The place of a site, with a star in place of the layer, and the layer; undefined outside the layers. */
export function placeOf(site: string): { readonly place: string; readonly layer: number } | undefined {
  const found = LAYER.exec(site);
  return found ? { place: site.replace(LAYER, '.*.'), layer: Number(found[1]) } : undefined;
}

/** The outputs of each place in the layers, the one with the largest accumulated error in relation to its size first. */
export function placeErrors(errors: readonly SiteError[]): PlaceError[] {
  const groups = new Map<string, SiteError[]>();
  for (const error of errors) {
    const found = placeOf(error.site);
    if (!found || error.part === 'weight' || error.part === 'input') continue;
    const key = `${found.place} ${error.part}`;
    groups.set(key, [...(groups.get(key) ?? []), error]);
  }
  return [...groups.values()]
    .map((group) => {
      const [first] = group;
      return {
        place: placeOf(first!.site)!.place,
        part: first!.part,
        sqnr: meanOf(group.map(({ accumulated }) => accumulated.sqnr)),
        mse: meanOf(group.map(({ accumulated }) => accumulated.mse))!,
        localSqnr: meanOf(group.map(({ local }) => local.sqnr)),
      };
    })
    .sort((a, b) => (a.sqnr ?? Infinity) - (b.sqnr ?? Infinity));
}

/** The answer to the paper's question in one sentence: do attention outputs accumulate the largest error? */
export function attentionFinding(errors: readonly SiteError[]): string {
  const places = placeErrors(errors);
  const rank = places.findIndex(({ part }) => part === 'attention') + 1;
  if (rank === 0) return 'The model has no attention in its layers.';
  const { sqnr, mse } = places[rank - 1]!;
  const byMse = [...places].sort((a, b) => b.mse - a.mse);
  const rankByMse = byMse.findIndex(({ part }) => part === 'attention') + 1;
  const worst = places[0]!;
  return (
    `Of the ${places.length} outputs in a layer, attention's (the heads, before the output projection) has ` +
    `${largest(rank)} accumulated error in relation to its size (${decibels(sqnr)} on average over the layers; ` +
    `the largest: ${worst.place}, ${decibels(worst.sqnr)}), and ${largest(rankByMse)} mean squared error ` +
    `(${mse.toPrecision(2)}; the largest: ${byMse[0]!.place}, ${byMse[0]!.mse.toPrecision(2)}).`
  );
}

function meanOf(values: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum / values.length;
}

/** An SQNR as people read it. */
export function decibels(sqnr: number | null): string {
  return sqnr === null ? 'exact' : `${sqnr.toFixed(1)} dB`;
}

function largest(rank: number): string {
  if (rank === 1) return 'the largest';
  return `the ${rank === 2 ? '2nd' : rank === 3 ? '3rd' : `${rank}th`} largest`;
}

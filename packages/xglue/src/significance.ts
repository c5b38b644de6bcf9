import { Random, SdqError } from '@sdq/core';
import { scoreOf, type Tally } from './tally.ts';

/** How to resample. */
export interface ResampleOptions {
  /** How many times; 1,000 if left out. */
  readonly samples?: number;
  /** The stream of random numbers; seed 0 if left out. */
  readonly random?: Random;
}

/** A score and the range that it may have in truth. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * A bootstrap percentile confidence interval (Efron, 1979): units are drawn with replacement.
 *
 * @param options `level` is the coverage in (0, 1), .95 if left out
 * @throws {SdqError} `bad-option`
 *
 * @example
 * ```ts
 * import { confidenceInterval, tally } from '@sdq/xglue';
 *
 * const gold = ['1', '0', '1'].map((label) => ({ kind: 'text', texts: ['a'], label }) as const);
 * confidenceInterval(tally('QAM', gold, ['1', '0', '0'])); // { value: 2/3, low: 0, high: 1 }
 * ```
 */
export function confidenceInterval(
  tally: Tally,
  options: ResampleOptions & { readonly level?: number } = {},
): Interval {
  const { samples, random } = settle(options);
  const level = options.level ?? 0.95;
  if (!(level > 0 && level < 1)) {
    throw new SdqError('bad-option', `The level must lie between 0 and 1, but is ${level}.`);
  }
  const values = new Float64Array(samples);
  const totals = new Float64Array(tally.width);
  for (let s = 0; s < samples; s++) {
    totals.fill(0);
    for (let i = 0; i < tally.units; i++) {
      const at = random.below(tally.units) * tally.width;
      for (let k = 0; k < tally.width; k++) totals[k]! += tally.counts[at + k]!;
    }
    values[s] = tally.value(totals);
  }
  values.sort();
  const tail = (1 - level) / 2;
  return { value: scoreOf(tally), low: quantile(values, tail), high: quantile(values, 1 - tail) };
}

/** Whether two models' scores differ. */
export interface PairedTest {
  /** The first score less the second. */
  readonly difference: number;
  /** How likely a difference as large is where the two models are alike, in (0, 1]. */
  readonly p: number;
}

/**
 * A paired test by approximate randomisation (Noreen, 1989; Yeh, 2000): each unit's results are swapped between
 * the two models with probability 1/2.
 *
 * @throws {SdqError} `bad-shape` where the two tallies are not of the same examples; `bad-option`
 *
 * @example
 * ```ts
 * import { pairedTest, tally } from '@sdq/xglue';
 *
 * const gold = ['1', '0', '1'].map((label) => ({ kind: 'text', texts: ['a'], label }) as const);
 * const [fp32, int8] = [['1', '0', '1'], ['1', '0', '0']].map((labels) => tally('QAM', gold, labels));
 * pairedTest(fp32!, int8!); // { difference: 1/3, p: 1 }
 * ```
 */
export function pairedTest(first: Tally, second: Tally, options: ResampleOptions = {}): PairedTest {
  return pairedMeanTest([[[first, second]]], options);
}

/**
 * The paired test of a mean over several scores: languages, and runs with several seeds. The runs of one language share its units:
 * a unit's results are swapped in all of them together.
 *
 * @param groups - [languages][runs]: the tallies of the first model and of the second; each language has as many runs as the others
 * @throws {SdqError} `bad-shape` where the tallies of a language are not of the same examples; `bad-option`
 *
 * @example
 * ```ts
 * import { pairedMeanTest, tally } from '@sdq/xglue';
 *
 * const gold = ['1', '0', '1'].map((label) => ({ kind: 'text', texts: ['a'], label }) as const);
 * const [sdq, qat] = [['1', '0', '1'], ['1', '0', '0']].map((labels) => tally('QAM', gold, labels));
 * pairedMeanTest([[[sdq!, qat!]], [[sdq!, sdq!]]]).difference; // 1/6
 * ```
 */
export function pairedMeanTest(
  groups: readonly (readonly (readonly [first: Tally, second: Tally])[])[],
  options: ResampleOptions = {},
): PairedTest {
  const { samples, random } = settle(options);
  const swaps = groups.map((pairs) => swappable(pairs));
  const runs = swaps.reduce((sum, { pairs }) => sum + pairs.length, 0);
  if (runs === 0) throw new SdqError('bad-shape', 'A paired test needs at least one pair of tallies.');
  const difference =
    swaps.flatMap(({ pairs }) => pairs).reduce((sum, [a, b]) => sum + scoreOf(a) - scoreOf(b), 0) / runs;
  // Summation order makes equal differences unequal in the last digits.
  const bar = Math.abs(difference) - 1e-12;
  let atLeast = 0;
  for (let s = 0; s < samples; s++) {
    const sum = swaps.reduce((total, one) => total + swappedDifference(one, random), 0);
    if (Math.abs(sum / runs) >= bar) atLeast += 1;
  }
  return { difference, p: (atLeast + 1) / (samples + 1) };
}

/** Tallies of the same units, and the units in which swapping changes something. */
interface Swappable {
  readonly pairs: readonly (readonly [Tally, Tally])[];
  readonly differing: readonly number[];
  /** Summed counts of the other units, by pair. */
  readonly shared: readonly Float64Array[];
}

function swappable(pairs: readonly (readonly [Tally, Tally])[]): Swappable {
  const units = pairs[0]?.[0].units ?? 0;
  for (const [first, second] of pairs) {
    if (first.units === units && second.units === units && first.width === second.width) continue;
    throw new SdqError(
      'bad-shape',
      `A paired test needs the same units, not ${units} and ${first.units === units ? second.units : first.units}.`,
    );
  }
  const differs = ([first, second]: readonly [Tally, Tally], unit: number): boolean => {
    for (let at = unit * first.width; at < (unit + 1) * first.width; at++)
      if (first.counts[at] !== second.counts[at]) return true;
    return false;
  };
  const shared = pairs.map(([{ width }]) => new Float64Array(width));
  const differing: number[] = [];
  for (let unit = 0; unit < units; unit++) {
    if (pairs.some((pair) => differs(pair, unit))) differing.push(unit);
    else for (const [i, [first]] of pairs.entries()) addUnit(shared[i]!, first, unit);
  }
  return { pairs, differing, shared };
}

/** The summed differences of all runs, with each unit swapped or not by chance. */
function swappedDifference({ pairs, differing, shared }: Swappable, random: Random): number {
  const sums = pairs.map((_, i) => [shared[i]!.slice(), shared[i]!.slice()] as const);
  let bits = 0;
  for (let i = 0; i < differing.length; i++) {
    bits = i % 32 === 0 ? random.uint32() : bits >>> 1;
    const swap = bits & 1;
    for (let run = 0; run < pairs.length; run++) {
      addUnit(sums[run]![swap]!, pairs[run]![0], differing[i]!);
      addUnit(sums[run]![1 - swap]!, pairs[run]![1], differing[i]!);
    }
  }
  return pairs.reduce((sum, [first], i) => sum + first.value(sums[i]![0]) - first.value(sums[i]![1]), 0);
}

function addUnit(sums: Float64Array, { counts, width }: Tally, unit: number): void {
  for (let k = 0; k < width; k++) sums[k]! += counts[unit * width + k]!;
}

/**
 * The p values of several tests adjusted by Holm's step-down method (Holm, 1979), in the order given: those below a
 * level are significant together, with at most that chance of a single false one among them.
 *
 * @param values each in [0, 1]
 *
 * @example
 * ```ts
 * import { holm } from '@sdq/xglue';
 *
 * holm([0.01, 0.04, 0.03]); // [0.03, 0.06, 0.06]
 * ```
 */
export function holm(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((i, j) => values[i]! - values[j]!);
  const adjusted = new Array<number>(values.length);
  let largest = 0;
  order.forEach((i, rank) => {
    largest = Math.max(largest, Math.min(1, (values.length - rank) * values[i]!));
    adjusted[i] = largest;
  });
  return adjusted;
}

function settle(options: ResampleOptions): { samples: number; random: Random } {
  const samples = options.samples ?? 1000;
  if (!Number.isInteger(samples) || samples < 1) {
    throw new SdqError('bad-option', `The number of samples must be a positive integer, but is ${samples}.`);
  }
  return { samples, random: options.random ?? new Random(0) };
}

/** Between sorted values, linearly. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}

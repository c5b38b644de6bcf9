import { Random, SdqError } from '@sdq/core';
import { type Tally, totalsOf } from './tally.ts';
import { jointUnits } from './units.ts';

/** How to resample. */
export interface ResampleOptions {
  /** How many times; 1,000 if left out. */
  readonly samples?: number;
  /** The stream of random numbers; seed 0 if left out. */
  readonly random?: Random;
}

/** A score and the range that holds it in truth, with 95 % confidence. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

// The 97.5 % quantile of the normal distribution.
const Z = 1.959963984540054;

/**
 * The 95 % confidence interval of a score: Wilson's (1927) for a proportion, with the variance of the units' contributions (the
 * jackknife's; Efron 1979) in place of the binomial one, and the effective number of units (Kish 1965) in place of that of
 * trials. Where each example is right or wrong and a unit of its own, this is Wilson's interval; no score makes it a point.
 *
 * @example
 * ```ts
 * import { confidenceInterval, tally } from '@sdq/xglue';
 *
 * const gold = ['1', '0', '1'].map((label, i) => ({ kind: 'text', texts: [`${i}`], label }) as const);
 * confidenceInterval(tally('QAM', gold, ['1', '0', '0'])); // { value: 2/3, low: 0.2076596, high: 0.9385081 }
 * ```
 */
export function confidenceInterval(tally: Tally): Interval {
  return meanConfidenceInterval([tally]);
}

/**
 * The 95 % confidence interval of the mean of a task's scores over its languages, by the same formula: an example and its
 * translations are one unit.
 *
 * @param tallies - one a language
 * @throws {SdqError} `bad-shape` without tallies
 *
 * @example
 * ```ts
 * import { meanConfidenceInterval, tally } from '@sdq/xglue';
 *
 * const gold = [{ kind: 'text', texts: ['who?', 'He did.'], label: '1' }] as const;
 * meanConfidenceInterval([tally('QAM', gold, ['1']), tally('QAM', gold, ['0'])]).value; // 0.5
 * ```
 */
export function meanConfidenceInterval(tallies: readonly Tally[]): Interval {
  if (tallies.length === 0) throw new SdqError('bad-shape', 'An interval needs at least one tally.');
  const units = jointUnits(tallies);
  const influence = new Float64Array(units.count);
  const weight = new Float64Array(units.count);
  let value = 0;
  for (const [t, tally] of tallies.entries()) {
    const totals = totalsOf(tally);
    const score = tally.value(totals);
    const size = tally.size(totals);
    const own = unitCounts(tally, units.of[t]!);
    value += score / tallies.length;
    for (const [unit, counts] of own) {
      // The score without the unit says how far it moves it; a single unit may move it as far as any score does.
      const moved =
        own.size === 1
          ? Math.sqrt(score * (1 - score))
          : ((own.size - 1) / own.size) * (score - tally.value(totals.map((total, k) => total - counts[k]!)));
      influence[unit]! += moved / tallies.length;
      weight[unit]! += (size === 0 ? 1 / own.size : tally.size(counts) / size) / tallies.length;
    }
  }
  return { value, ...wilson(value, sumOfSquares(influence), 1 / sumOfSquares(weight)) };
}

/** Wilson's interval of a score that has a variance, from so many units. */
function wilson(score: number, variance: number, units: number): { low: number; high: number } {
  const middle = (units * score + Z ** 2 / 2) / (units + Z ** 2);
  const half = (Z / (units + Z ** 2)) * Math.sqrt(units ** 2 * variance + Z ** 2 / 4);
  // Rounding must not leave the score out.
  return {
    low: Math.max(0, Math.min(score, middle - half)),
    high: Math.min(1, Math.max(score, middle + half)),
  };
}

/** The summed counts [width] of each unit that a tally has examples of. */
function unitCounts({ examples, width, counts }: Tally, unitOf: Int32Array): Map<number, Float64Array> {
  const sums = new Map<number, Float64Array>();
  for (let i = 0; i < examples; i++) {
    const unit = unitOf[i]!;
    let sum = sums.get(unit);
    if (sum === undefined) {
      sum = new Float64Array(width);
      sums.set(unit, sum);
    }
    for (let k = 0; k < width; k++) sum[k]! += counts[i * width + k]!;
  }
  return sums;
}

const sumOfSquares = (values: Float64Array): number => values.reduce((sum, value) => sum + value ** 2, 0);

/** Whether two models' scores differ. */
export interface PairedTest {
  /** The first score less the second. */
  readonly difference: number;
  /** How likely a difference as large is where the two models are alike, in (0, 1]. */
  readonly p: number;
}

/**
 * A paired test by approximate randomisation (Noreen, 1989; Yeh, 2000): each unit's results are swapped between
 * the two models with probability 1/2. Examples of one cluster, such as a premise, are one unit.
 *
 * @throws {SdqError} `bad-shape` where the two tallies are not of the same examples; `bad-option`
 *
 * @example
 * ```ts
 * import { pairedTest, tally } from '@sdq/xglue';
 *
 * const gold = ['1', '0', '1'].map((label, i) => ({ kind: 'text', texts: [`${i}`], label }) as const);
 * const [fp32, int8] = [['1', '0', '1'], ['1', '0', '0']].map((labels) => tally('QAM', gold, labels));
 * pairedTest(fp32!, int8!); // { difference: 1/3, p: 1 }
 * ```
 */
export function pairedTest(first: Tally, second: Tally, options: ResampleOptions = {}): PairedTest {
  return pairedMeanTest([[[first, second]]], options);
}

/**
 * The paired test of a mean over several scores: languages, and runs with several seeds. A unit's results are swapped in
 * all languages and all runs together: an example and its translations are one unit, and so are the examples of a cluster.
 *
 * @param groups - [languages][runs]: the tallies of the first model and of the second; each language has as many runs as the others
 * @throws {SdqError} `bad-shape` where the tallies of a language are not of the same examples; `bad-option`
 *
 * @example
 * ```ts
 * import { pairedMeanTest, tally } from '@sdq/xglue';
 *
 * const gold = ['1', '0', '1'].map((label, i) => ({ kind: 'text', texts: [`${i}`], label }) as const);
 * const [sdq, qat] = [['1', '0', '1'], ['1', '0', '0']].map((labels) => tally('QAM', gold, labels));
 * pairedMeanTest([[[sdq!, qat!]], [[sdq!, sdq!]]]).difference; // 1/6
 * ```
 */
export function pairedMeanTest(
  groups: readonly (readonly (readonly [first: Tally, second: Tally])[])[],
  options: ResampleOptions = {},
): PairedTest {
  const { samples, random } = settle(options);
  for (const pairs of groups) requireSameExamples(pairs);
  const present = groups.filter((pairs) => pairs.length > 0);
  if (present.length === 0)
    throw new SdqError('bad-shape', 'A paired test needs at least one pair of tallies.');
  const units = jointUnits(present.map((pairs) => pairs[0]![0]));
  const pairs = present.flatMap((pairs, language) =>
    pairs.map(([first, second]) => comparison(first, second, units.of[language]!)),
  );
  const starts = [0];
  for (const { width } of pairs) starts.push(starts.at(-1)! + width);
  const moved = new Float64Array(starts.at(-1)!);
  const meanDifference = (): number =>
    pairs.reduce((sum, pair, i) => sum + pair.difference(moved, starts[i]!), 0) / pairs.length;
  const difference = meanDifference();
  const swaps = swapsByUnit(pairs, starts, units.count);
  // Summation order makes equal differences unequal in the last digits.
  const bar = Math.abs(difference) - 1e-12;
  let atLeast = 0;
  for (let s = 0; s < samples; s++) {
    moved.fill(0);
    let bits = 0;
    for (let i = 0; i < swaps.length; i++) {
      bits = i % 32 === 0 ? random.uint32() : bits >>> 1;
      if ((bits & 1) === 0) continue;
      const { at, counts } = swaps[i]!;
      for (let k = 0; k < at.length; k++) moved[at[k]!]! += counts[k]!;
    }
    if (Math.abs(meanDifference()) >= bar) atLeast += 1;
  }
  return { difference, p: (atLeast + 1) / (samples + 1) };
}

function requireSameExamples(pairs: readonly (readonly [Tally, Tally])[]): void {
  const examples = pairs[0]?.[0].examples ?? 0;
  for (const [first, second] of pairs) {
    if (first.examples === examples && second.examples === examples && first.width === second.width) continue;
    throw new SdqError(
      'bad-shape',
      `A paired test needs the same examples, not ${examples} and ${first.examples === examples ? second.examples : first.examples}.`,
    );
  }
}

/** Two models on the same examples. */
interface Comparison {
  readonly width: number;
  /** The first score less the second, once the counts [width] from `start` on have gone from the first to the second. */
  difference(moved: Float64Array, start: number): number;
  /** By unit, where the two differ: the first's counts [width] less the second's. */
  readonly differing: ReadonlyMap<number, Float64Array>;
}

function comparison(first: Tally, second: Tally, unitOf: Int32Array): Comparison {
  const { width } = first;
  const [a, b] = [totalsOf(first), totalsOf(second)];
  const [left, right] = [new Float64Array(width), new Float64Array(width)];
  const counts = first.counts.map((count, i) => count - second.counts[i]!);
  const differing = [...unitCounts({ ...first, counts }, unitOf)].filter(([, sum]) =>
    sum.some((count) => count !== 0),
  );
  return {
    width,
    difference: (moved, start) => {
      for (let k = 0; k < width; k++) {
        left[k] = a[k]! - moved[start + k]!;
        right[k] = b[k]! + moved[start + k]!;
      }
      return first.value(left) - second.value(right);
    },
    differing: new Map(differing),
  };
}

/** What the swap of a unit moves: these counts, at their places among those of all pairs. */
interface Swap {
  readonly at: Int32Array;
  readonly counts: Float64Array;
}

/** For each unit in which some pair of models differs. */
function swapsByUnit(pairs: readonly Comparison[], starts: readonly number[], units: number): Swap[] {
  const moves = Array.from({ length: units }, () => [] as (readonly [at: number, count: number])[]);
  for (const [pair, { differing }] of pairs.entries()) {
    for (const [unit, counts] of differing) {
      counts.forEach((count, k) => {
        if (count !== 0) moves[unit]!.push([starts[pair]! + k, count]);
      });
    }
  }
  return moves
    .filter((unit) => unit.length > 0)
    .map((unit) => ({
      at: Int32Array.from(unit, ([at]) => at),
      counts: Float64Array.from(unit, ([, count]) => count),
    }));
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

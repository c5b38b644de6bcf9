// Times two sides in turn, and says how many times as fast ours is.

export const PAIRS = 7;

/** Milliseconds before each run in which the other side's threads, which wait awake for more work, go to sleep. */
const REST = 200;

/**
 * Runs ours, theirs, ours, theirs, ...; each side gives the milliseconds of one run.
 *
 * @returns medians of both sides, and the median and quartiles of the pairs' ratios theirs / ours
 */
export async function inTurn(ours, theirs, pairs = PAIRS) {
  const rested = async (run) => {
    await new Promise((resolve) => setTimeout(resolve, REST));
    return run();
  };
  await ours();
  await theirs();
  const times = [];
  for (let i = 0; i < pairs; i++) times.push([await rested(ours), await rested(theirs)]);
  const ratios = times.map(([a, b]) => b / a);
  return {
    ours: quantile(
      times.map(([a]) => a),
      0.5,
    ),
    theirs: quantile(
      times.map(([, b]) => b),
      0.5,
    ),
    ratio: quantile(ratios, 0.5),
    spread: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
  };
}

/** The milliseconds of one run. */
export async function timed(run) {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** A quantile by linear interpolation. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

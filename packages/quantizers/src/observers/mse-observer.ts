import type { ObserverState } from '@sdq/core';
import { gridForRange } from '../affine-grid.ts';
import { HistogramObserver } from './histogram-observer.ts';

/** The first search shrinks both ends together, in so many steps, to no less than a tenth. */
const SHRINK_STEPS = 128;
/** Then each end alone is moved around the best so far, by ever smaller shares of the range seen. */
const REFINEMENTS = [1 / 32, 1 / 128, 1 / 512];
const REFINEMENT_REACH = 8;

/**
 * The range whose grid has the least mean squared error on the values seen, rounding and clipping together.
 *
 * Found on a histogram: first both ends shrink together, then each moves alone. Source: Banner et al. 2019, "Post
 * Training 4-bit Quantization of Convolutional Networks for Rapid-Deployment", section 3 (the same aim, in closed form).
 */
export class MseObserver extends HistogramObserver {
  readonly name = 'mse';

  /** @param bits - of the grid that the range is for, 2 to 8 */
  constructor(readonly bits = 8) {
    super();
    gridForRange({ min: 0, max: 0 }, bits);
  }

  range(): { min: number; max: number } {
    const seen = this.histogram.seen();
    if (this.histogram.limit === 0) return seen;
    const bins = this.histogram.toBins();
    const error = (low: number, high: number) =>
      squaredError(bins, low * seen.min, high * seen.max, this.bits);
    let best = { low: 1, high: 1, error: error(1, 1) };
    const consider = (low: number, high: number) => {
      if (low < 0 || high < 0 || low > 1 || high > 1) return;
      const found = error(low, high);
      if (found < best.error) best = { low, high, error: found };
    };
    for (let i = SHRINK_STEPS - 1; i > SHRINK_STEPS / 10; i--) consider(i / SHRINK_STEPS, i / SHRINK_STEPS);
    for (const step of REFINEMENTS) {
      for (const end of ['low', 'high', 'low', 'high'] as const) {
        const { low, high } = best;
        for (let i = -REFINEMENT_REACH; i <= REFINEMENT_REACH; i++) {
          if (end === 'low') consider(low + i * step, high);
          else consider(low, high + i * step);
        }
      }
    }
    return { min: best.low * seen.min, max: best.high * seen.max };
  }

  protected option(): Readonly<Record<string, number>> {
    return { bits: this.bits };
  }

  /** The observer that {@link toJSON} described. */
  static from(state: ObserverState): MseObserver {
    return new MseObserver(state.bits as number).restored(state);
  }
}

/** The summed squared error of the bins' middles on the grid of a range. */
function squaredError(
  bins: readonly { readonly middle: number; readonly count: number }[],
  min: number,
  max: number,
  bits: number,
): number {
  const { scale, zeroPoint, qMin, qMax } = gridForRange({ min, max }, bits);
  let sum = 0;
  for (const { middle, count } of bins) {
    const q = Math.min(qMax, Math.max(qMin, Math.round(middle / scale) + zeroPoint));
    const error = middle - (q - zeroPoint) * scale;
    sum += count * error * error;
  }
  return sum;
}

import { type ObserverState, SdqError } from '@sdq/core';
import { BINS_EACH_SIDE } from './histogram.ts';
import { HistogramObserver } from './histogram-observer.ts';

/**
 * The range between two percentiles of the values seen, from a histogram that widens with the data: rare large
 * values are clipped so that the many small ones get finer steps.
 *
 * Memory does not grow with the data; the resolution is at worst 1/1024 of the largest magnitude. Source: Wu et
 * al. 2020, "Integer Quantization for Deep Learning Inference", section 5.1.
 */
export class PercentileObserver extends HistogramObserver {
  readonly name = 'percentile';

  /** @param percentile - in (50, 100]: 99.99 clips one value in ten thousand on each side */
  constructor(readonly percentile = 99.99) {
    super();
    if (!(percentile > 50 && percentile <= 100)) {
      throw new SdqError('bad-option', `The percentile ${percentile} is not in (50, 100].`);
    }
  }

  range(): { min: number; max: number } {
    const seen = this.histogram.seen();
    const { total, width, limit } = this.histogram;
    if (limit === 0) return seen;
    const tail = total * (1 - this.percentile / 100);
    const max = (this.binAtTail(tail, 2 * BINS_EACH_SIDE - 1, -1) + 1 - BINS_EACH_SIDE) * width;
    const min = (this.binAtTail(tail, 0, 1) - BINS_EACH_SIDE) * width;
    return {
      min: Math.min(0, Math.max(min, seen.min)),
      max: Math.max(0, Math.min(max, seen.max)),
    };
  }

  protected option(): Readonly<Record<string, number>> {
    return { percentile: this.percentile };
  }

  /** The observer that {@link toJSON} described. */
  static from(state: ObserverState): PercentileObserver {
    return new PercentileObserver(state.percentile as number).restored(state);
  }

  /** The first bin from one end before which, with it, more than `tail` values lie. */
  private binAtTail(tail: number, start: number, direction: 1 | -1): number {
    const { counts } = this.histogram;
    let sum = 0;
    let bin = start;
    for (; bin >= 0 && bin < counts.length; bin += direction) {
      sum += counts[bin]!;
      if (sum > tail) break;
    }
    return bin;
  }
}

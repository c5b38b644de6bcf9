import type { ObserverState, Site } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import { nothingSeen, rangeOf } from './min-max-observer.ts';

/** The bins on each side of zero. */
export const BINS_EACH_SIDE = 2048;

/**
 * Counts of values in bins of equal width over [-limit, limit), the limit a power of two that grows with the data.
 *
 * Doubling the limit merges neighbours two by two, without loss: so the counts depend neither on the order of the data
 * nor on how it was split. At least half of the bins lie within the largest magnitude.
 */
export class Histogram {
  counts: Float64Array = new Float64Array(2 * BINS_EACH_SIDE);
  /** The smallest power of two above every magnitude; 0 while all is zero. */
  limit = 0;
  total = 0;
  min = 0;
  max = 0;

  /** @throws SdqError `empty-data`, `bad-value` that name the site */
  add(x: Tensor, site?: Site): void {
    const { min, max } = rangeOf(x, site);
    this.min = Math.min(this.min, min);
    this.max = Math.max(this.max, max);
    this.widenTo(limitAbove(Math.max(-min, max)));
    this.total += x.size;
    if (this.limit === 0) {
      this.counts[BINS_EACH_SIDE]! += x.size;
      return;
    }
    const binsPerUnit = BINS_EACH_SIDE / this.limit;
    const counts = this.counts;
    const values = x.dataSync();
    for (let i = 0; i < values.length; i++) {
      counts[Math.floor(values[i]! * binsPerUnit) + BINS_EACH_SIDE]! += 1;
    }
  }

  /** The smallest and largest value seen, and zero. @throws SdqError `empty-data` */
  seen(): { min: number; max: number } {
    if (this.total === 0) throw nothingSeen();
    return { min: this.min, max: this.max };
  }

  /** The width of a bin. */
  get width(): number {
    return this.limit / BINS_EACH_SIDE;
  }

  /** The middle and count of each bin that is not empty. */
  toBins(): { readonly middle: number; readonly count: number }[] {
    const bins: { middle: number; count: number }[] = [];
    this.counts.forEach((count, bin) => {
      if (count > 0) bins.push({ middle: (bin - BINS_EACH_SIDE + 0.5) * this.width, count });
    });
    return bins;
  }

  merge(other: Histogram): void {
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.total += other.total;
    const copy = other.clone();
    copy.widenTo(this.limit);
    this.widenTo(copy.limit);
    for (let bin = 0; bin < this.counts.length; bin++) this.counts[bin]! += copy.counts[bin]!;
  }

  /** The bins that are not empty, as [bin, count]. */
  toJSON(): Record<string, unknown> {
    const bins = [...this.counts.entries()].filter(([, count]) => count > 0);
    return { limit: this.limit, total: this.total, min: this.min, max: this.max, bins };
  }

  /** The histogram that {@link toJSON} described. */
  static from(state: ObserverState['histogram']): Histogram {
    const { limit, total, min, max, bins } = state as {
      limit: number;
      total: number;
      min: number;
      max: number;
      bins: [number, number][];
    };
    const histogram = Object.assign(new Histogram(), { limit, total, min, max });
    for (const [bin, count] of bins) histogram.counts[bin] = count;
    return histogram;
  }

  private clone(): Histogram {
    const copy = Object.assign(new Histogram(), this);
    copy.counts = Float64Array.from(this.counts);
    return copy;
  }

  private widenTo(limit: number): void {
    if (this.limit === 0) this.limit = limit;
    for (; this.limit < limit; this.limit *= 2) {
      const wider = new Float64Array(2 * BINS_EACH_SIDE);
      for (let bin = 0; bin < this.counts.length; bin++) {
        wider[Math.floor((bin - BINS_EACH_SIDE) / 2) + BINS_EACH_SIDE]! += this.counts[bin]!;
      }
      this.counts = wider;
    }
  }
}

/** The smallest power of two above a magnitude; 0 for 0. */
function limitAbove(magnitude: number): number {
  if (magnitude === 0) return 0;
  let limit = 2 ** Math.floor(Math.log2(magnitude));
  while (limit <= magnitude) limit *= 2;
  return limit;
}

import { type ObserverState, SdqError } from '@sdq/core';
import { BINS_EACH_SIDE } from './histogram.ts';
import { HistogramObserver } from './histogram-observer.ts';

/** The count that stands for none, so that the divergence is finite. */
const EPSILON = 1e-7;

/**
 * The range whose clipped and coarsened histogram diverges least (Kullback and Leibler) from the values seen.
 *
 * For each threshold t, the histogram within [-t, t] with all that lies outside at its ends is compared with the same
 * merged into `quantizedBins` bins and spread out again, over the bins that are not empty. Source: Migacz 2017, "8-bit
 * Inference with TensorRT", GTC.
 */
export class EntropyObserver extends HistogramObserver {
  readonly name = 'entropy';

  /** @param quantizedBins - what the histogram is coarsened to, from 2 to 2048 and even */
  constructor(readonly quantizedBins = 128) {
    super();
    if (!(quantizedBins >= 2 && quantizedBins <= BINS_EACH_SIDE && quantizedBins % 2 === 0)) {
      throw new SdqError(
        'bad-option',
        `${quantizedBins} quantized bins: choose an even number from 2 to 2048.`,
      );
    }
  }

  range(): { min: number; max: number } {
    const seen = this.histogram.seen();
    const { counts, width, limit } = this.histogram;
    if (limit === 0) return seen;
    const largest = Math.max(-seen.min, seen.max);
    const reach = Math.min(BINS_EACH_SIDE, Math.ceil(largest / width));
    let best = { reach, divergence: Infinity };
    for (let i = this.quantizedBins / 2; i <= reach; i++) {
      const divergence = coarseningDivergence(
        counts,
        BINS_EACH_SIDE - i,
        BINS_EACH_SIDE + i,
        this.quantizedBins,
      );
      if (divergence < best.divergence) best = { reach: i, divergence };
    }
    const threshold = best.reach * width;
    return { min: Math.max(seen.min, -threshold), max: Math.min(seen.max, threshold) };
  }

  protected option(): Readonly<Record<string, number>> {
    return { quantizedBins: this.quantizedBins };
  }

  /** The observer that {@link toJSON} described. */
  static from(state: ObserverState): EntropyObserver {
    return new EntropyObserver(state.quantizedBins as number).restored(state);
  }
}

/**
 * KL(p || q): p the bins [start, end) with the rest at its ends, q the same bins merged and spread out again over those that
 * are not empty in p.
 */
function coarseningDivergence(counts: Float64Array, start: number, end: number, merged: number): number {
  const size = end - start;
  const p = counts.slice(start, end);
  for (let bin = 0; bin < start; bin++) p[0]! += counts[bin]!;
  for (let bin = end; bin < counts.length; bin++) p[size - 1]! += counts[bin]!;
  const q = new Float64Array(size);
  const width = Math.floor(size / merged);
  for (let index = 0; index < merged; index++) {
    const from = index * width;
    const to = index === merged - 1 ? size : from + width;
    let sum = 0;
    let filled = 0;
    for (let i = from; i < to; i++) {
      sum += counts[start + i]!;
      if (p[i]! > 0) filled += 1;
    }
    for (let i = from; i < to; i++) if (p[i]! > 0) q[i] = sum / filled;
  }
  // All lies outside: nothing is left to compare.
  if (!q.some((count) => count > 0)) return Infinity;
  return divergence(smoothed(p), smoothed(q));
}

/** Moves a little from the filled bins to the empty ones. */
function smoothed(counts: Float64Array): Float64Array {
  let filled = 0;
  for (const count of counts) if (count > 0) filled += 1;
  const taken = (EPSILON * (counts.length - filled)) / filled;
  return counts.map((count) => (count > 0 ? Math.max(count - taken, EPSILON) : EPSILON));
}

function divergence(p: Float64Array, q: Float64Array): number {
  let pSum = 0;
  let qSum = 0;
  for (let i = 0; i < p.length; i++) {
    pSum += p[i]!;
    qSum += q[i]!;
  }
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += (p[i]! / pSum) * Math.log((p[i]! * qSum) / (q[i]! * pSum));
  return sum;
}

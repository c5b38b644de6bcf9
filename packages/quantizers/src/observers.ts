import type { Observer } from '@sdq/core';
import { SdqError, unknownName } from '@sdq/core';
import { minMax } from '@sdq/kernels';
import type { Tensor } from '@tensorflow/tfjs';

/** The range that holds every value seen. */
export class MinMaxObserver implements Observer {
  readonly name = 'min-max';
  private min = 0;
  private max = 0;

  observe(x: Tensor): void {
    const seen = minMax(x);
    this.min = Math.min(this.min, seen.min);
    this.max = Math.max(this.max, seen.max);
  }

  range(): { min: number; max: number } {
    return { min: this.min, max: this.max };
  }
}

/**
 * The moving average of each batch's smallest and largest value: the range that follows weights in training.
 *
 * Source: Jacob et al. 2018, section 3.1.
 */
export class MovingAverageObserver implements Observer {
  readonly name = 'moving-average';
  private current: { min: number; max: number } | undefined;

  /** @param momentum - the share of the old range that each batch keeps, in [0, 1) */
  constructor(
    readonly momentum = 0.99,
    start?: { readonly min: number; readonly max: number },
  ) {
    if (start) this.current = { min: Math.min(0, start.min), max: Math.max(0, start.max) };
  }

  observe(x: Tensor): void {
    const seen = minMax(x);
    const min = Math.min(0, seen.min);
    const max = Math.max(0, seen.max);
    const old = this.current;
    const keep = this.momentum;
    this.current = old
      ? { min: keep * old.min + (1 - keep) * min, max: keep * old.max + (1 - keep) * max }
      : { min, max };
  }

  range(): { min: number; max: number } {
    return { ...(this.current ?? { min: 0, max: 0 }) };
  }
}

const BINS_EACH_SIDE = 2048;

/**
 * The range between two percentiles of the values seen, from a histogram that widens with the data: rare large
 * values are clipped so that the many small ones get finer steps.
 *
 * Memory does not grow with the data; the resolution is at worst 1/1024 of the largest magnitude. Source: Wu et
 * al. 2020, "Integer Quantization for Deep Learning Inference", section 5.1.
 */
export class PercentileObserver implements Observer {
  readonly name = 'percentile';
  // Bins of equal width over [-limit, limit): doubling the limit merges neighbours two by two, without loss.
  private counts = new Float64Array(2 * BINS_EACH_SIDE);
  private limit = 0;
  private seen = { min: 0, max: 0 };
  private total = 0;

  /** @param percentile - in (50, 100]: 99.99 clips one value in ten thousand on each side */
  constructor(readonly percentile = 99.99) {
    if (!(percentile > 50 && percentile <= 100)) {
      throw new SdqError('bad-option', `The percentile ${percentile} is not in (50, 100].`);
    }
  }

  observe(x: Tensor): void {
    const { min, max } = minMax(x);
    this.seen = { min: Math.min(this.seen.min, min), max: Math.max(this.seen.max, max) };
    const magnitude = Math.max(-min, max);
    if (magnitude === 0) {
      this.counts[BINS_EACH_SIDE]! += x.size;
      this.total += x.size;
      return;
    }
    if (this.limit === 0) this.limit = 2 ** Math.ceil(Math.log2(magnitude) + 1e-9);
    while (this.limit <= magnitude) this.widen();
    const values = x.dataSync();
    const binsPerUnit = BINS_EACH_SIDE / this.limit;
    const counts = this.counts;
    for (let i = 0; i < values.length; i++) {
      counts[Math.floor(values[i]! * binsPerUnit) + BINS_EACH_SIDE]! += 1;
    }
    this.total += values.length;
  }

  range(): { min: number; max: number } {
    if (this.limit === 0) return { min: 0, max: 0 };
    const tail = this.total * (1 - this.percentile / 100);
    const width = this.limit / BINS_EACH_SIDE;
    const max = (this.binAtTail(tail, this.counts.length - 1, -1) + 1 - BINS_EACH_SIDE) * width;
    const min = (this.binAtTail(tail, 0, 1) - BINS_EACH_SIDE) * width;
    return {
      min: Math.min(0, Math.max(min, this.seen.min)),
      max: Math.max(0, Math.min(max, this.seen.max)),
    };
  }

  /** The first bin from one end before which, with it, more than `tail` values lie. */
  private binAtTail(tail: number, start: number, direction: 1 | -1): number {
    let sum = 0;
    let bin = start;
    for (; bin >= 0 && bin < this.counts.length; bin += direction) {
      sum += this.counts[bin]!;
      if (sum > tail) break;
    }
    return bin;
  }

  private widen(): void {
    const wider = new Float64Array(2 * BINS_EACH_SIDE);
    for (let bin = 0; bin < this.counts.length; bin++) {
      wider[Math.floor((bin - BINS_EACH_SIDE) / 2) + BINS_EACH_SIDE]! += this.counts[bin]!;
    }
    this.counts = wider;
    this.limit *= 2;
  }
}

/** The observers that calibration can use, by name. */
export const observers = {
  'min-max': () => new MinMaxObserver(),
  percentile: () => new PercentileObserver(),
} as const;

/** The name of a calibration observer. */
export type ObserverName = keyof typeof observers;

/**
 * A fresh observer by its name.
 *
 * @throws SdqError `unknown-name` that lists the observers
 *
 * @example
 * ```ts
 * import { createObserver } from '@sdq/quantizers';
 *
 * createObserver('min-max').name; // 'min-max'
 * ```
 */
export function createObserver(name: string): Observer {
  if (!Object.hasOwn(observers, name)) throw unknownName('observer', name, Object.keys(observers));
  return observers[name as ObserverName]();
}

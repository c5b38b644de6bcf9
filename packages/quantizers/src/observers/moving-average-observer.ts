import type { Observer, ObserverState, Site } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import { cannotMerge, nothingSeen, rangeOf } from './min-max-observer.ts';

interface AverageState {
  readonly min: number;
  readonly max: number;
  readonly batches: number;
}

/**
 * The moving average of each batch's smallest and largest value: the range that follows weights in training.
 *
 * It depends on the order of the batches, by definition; merging weighs each side by its number of batches, so that
 * at least the order of merges does not matter. Source: Jacob et al. 2018, section 3.1.
 */
export class MovingAverageObserver implements Observer {
  readonly name = 'moving-average';
  private current: AverageState | undefined;

  /** @param momentum - the share of the old range that each batch keeps, in [0, 1) */
  constructor(
    readonly momentum = 0.99,
    start?: { readonly min: number; readonly max: number },
  ) {
    if (start) this.current = { min: Math.min(0, start.min), max: Math.max(0, start.max), batches: 1 };
  }

  observe(x: Tensor, site?: Site): void {
    const { min, max } = rangeOf(x, site);
    const old = this.current;
    const keep = this.momentum;
    this.current = old
      ? {
          min: keep * old.min + (1 - keep) * min,
          max: keep * old.max + (1 - keep) * max,
          batches: old.batches + 1,
        }
      : { min, max, batches: 1 };
  }

  range(): { min: number; max: number } {
    if (!this.current) throw nothingSeen();
    return { min: this.current.min, max: this.current.max };
  }

  merge(other: Observer): void {
    if (!(other instanceof MovingAverageObserver) || other.momentum !== this.momentum) {
      throw cannotMerge(this.name, other.name);
    }
    const [a, b] = [this.current, other.current];
    if (!b) return;
    if (!a) {
      this.current = { ...b };
      return;
    }
    const batches = a.batches + b.batches;
    this.current = {
      min: (a.min * a.batches + b.min * b.batches) / batches,
      max: (a.max * a.batches + b.max * b.batches) / batches,
      batches,
    };
  }

  toJSON(): ObserverState {
    return { name: this.name, momentum: this.momentum, average: this.current ?? null };
  }

  /** The observer that {@link toJSON} described. */
  static from(state: ObserverState): MovingAverageObserver {
    const observer = new MovingAverageObserver(state.momentum as number);
    if (state.average) observer.current = { ...(state.average as AverageState) };
    return observer;
  }
}

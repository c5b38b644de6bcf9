import type { Observer, ObserverState, Site } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import { Histogram } from './histogram.ts';
import { cannotMerge } from './min-max-observer.ts';

/** An observer that finds its range on a histogram of all that it has seen. */
export abstract class HistogramObserver implements Observer {
  abstract readonly name: string;
  protected histogram = new Histogram();

  abstract range(): { min: number; max: number };

  /** The one option, by its name: observers of different options count for different grids. */
  protected abstract option(): Readonly<Record<string, number>>;

  observe(x: Tensor, site?: Site): void {
    this.histogram.add(x, site);
  }

  merge(other: Observer): void {
    const same = other instanceof HistogramObserver && other.name === this.name;
    const [[key, value]] = Object.entries(this.option()) as [[string, number]];
    if (!same || other.option()[key] !== value) throw cannotMerge(this.name, other.name);
    this.histogram.merge(other.histogram);
  }

  toJSON(): ObserverState {
    return { name: this.name, ...this.option(), histogram: this.histogram.toJSON() };
  }

  /** Takes over the histogram that {@link toJSON} wrote. */
  protected restored(state: ObserverState): this {
    this.histogram = Histogram.from(state.histogram);
    return this;
  }
}

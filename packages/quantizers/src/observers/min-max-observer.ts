import { type Observer, type ObserverState, SdqError, type Site } from '@sdq/core';
import { minMax } from '@sdq/kernels';
import type { Tensor } from '@tensorflow/tfjs';

/** The range of a batch, with zero in it. @throws SdqError `empty-data`, `bad-value` that name the site */
export function rangeOf(x: Tensor, site?: Site): { min: number; max: number } {
  if (x.size === 0) {
    const place = site === undefined ? 'an observer' : `"${site}"`;
    throw new SdqError(
      'empty-data',
      `A calibration batch gave no values to ${place}: leave out empty batches.`,
    );
  }
  const { min, max } = minMax(x, site);
  return { min: Math.min(0, min), max: Math.max(0, max) };
}

/** The error of an observer that is asked for a range too early. */
export function nothingSeen(): SdqError {
  return new SdqError('empty-data', 'The observer has seen no data: calibrate first.');
}

/** The error of merging observers that do not count the same. */
export function cannotMerge(one: string, other: string): SdqError {
  return new SdqError('bad-option', `An observer of "${one}" cannot take in one of "${other}".`);
}

/** The range that holds every value seen. */
export class MinMaxObserver implements Observer {
  readonly name = 'min-max';
  private current: { min: number; max: number } | undefined;

  observe(x: Tensor, site?: Site): void {
    this.widen(rangeOf(x, site));
  }

  range(): { min: number; max: number } {
    if (!this.current) throw nothingSeen();
    return { ...this.current };
  }

  merge(other: Observer): void {
    if (!(other instanceof MinMaxObserver)) throw cannotMerge(this.name, other.name);
    if (other.current) this.widen(other.current);
  }

  toJSON(): ObserverState {
    return { name: this.name, range: this.current ?? null };
  }

  /** The observer that {@link toJSON} described. */
  static from(state: ObserverState): MinMaxObserver {
    const observer = new MinMaxObserver();
    if (state.range) observer.current = { ...(state.range as { min: number; max: number }) };
    return observer;
  }

  private widen({ min, max }: { readonly min: number; readonly max: number }): void {
    const old = this.current ?? { min: 0, max: 0 };
    this.current = { min: Math.min(old.min, min), max: Math.max(old.max, max) };
  }
}

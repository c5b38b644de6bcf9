import { notFinite } from './finite.ts';

/** The share of the mean magnitude above which a ternary weight is not zero (Li and Liu 2016, equation 6). */
const TERNARY_THRESHOLD = 0.7;

/** How values are rounded to -1, 0 and 1, times a scale. */
export interface TernaryGrid {
  /** Above 0, a float32; 1 where all values are 0. */
  readonly scale: number;
  /** The magnitude above which a value is not 0. */
  readonly threshold: number;
}

/**
 * The ternary grid of `values[start..start+length)`: the scale is the mean magnitude of the values above 0.7 of the mean
 * magnitude. Source: Li and Liu 2016, "Ternary Weight Networks", equations 5 and 6.
 *
 * @throws SdqError `bad-value` when a value is not finite: names the site
 *
 * @example
 * ```ts
 * import { ternaryGrid } from '@sdq/kernels';
 *
 * ternaryGrid([1, -0.5, 0.25, 0.25], 0, 4); // { scale: 0.75, threshold: 0.35 }
 * ```
 */
export function ternaryGrid(
  values: ArrayLike<number>,
  start: number,
  length: number,
  site?: string,
): TernaryGrid {
  let sum = 0;
  for (let i = start; i < start + length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (!(magnitude < Infinity)) throw notFinite(site);
    sum += magnitude;
  }
  const threshold = TERNARY_THRESHOLD * (sum / length);
  let kept = 0;
  let count = 0;
  for (let i = start; i < start + length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude <= threshold) continue;
    kept += magnitude;
    count += 1;
  }
  const scale = Math.fround(kept / count);
  return scale > 0 ? { scale, threshold } : { scale: 1, threshold: Infinity };
}

/** The integer of a value: -1, 0 or 1. */
export function ternaryLevel(value: number, { threshold }: Pick<TernaryGrid, 'threshold'>): number {
  return value > threshold ? 1 : value < -threshold ? -1 : 0;
}

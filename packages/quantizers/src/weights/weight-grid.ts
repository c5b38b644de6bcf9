import { type Granularity, SdqError } from '@sdq/core';
import { notFinite, roundHalfEven, ternaryGrid, ternaryLevel } from '@sdq/kernels';

/** How the weights of a group that shares a scale are rounded. */
export interface WeightGrid {
  /** Above 0, a float32; 0 for a group of zeros at 1 bit; 1 for a group of zeros else. */
  readonly scale: number;
  /** At 2 bits: the magnitude above which a weight counts as 1. */
  readonly threshold: number;
}

/** The largest integer of a symmetric grid; 1 at 1 bit too, whose integers are -1 and 1. */
export function largestLevel(bits: number): number {
  return Math.max(1, 2 ** (bits - 1) - 1);
}

/** All integers of a symmetric grid, ascending; -1 and 1 at 1 bit. */
export function symmetricLevels(bits: number): number[] {
  const limit = largestLevel(bits);
  if (bits === 1) return [-limit, limit];
  return Array.from({ length: 2 * limit + 1 }, (_, i) => i - limit);
}

/** Throws unless a weight can have so many bits. */
export function checkWeightBits(bits: number, least = 1): void {
  if (!Number.isInteger(bits) || bits < least || bits > 8) {
    throw new SdqError('bad-option', `A weight cannot have ${bits} bits: choose ${least} to 8.`);
  }
}

/**
 * The grid of the weights `values[start..start+length)`: from 3 bits on the largest magnitude over 2^(bits-1) - 1; at
 * 2 bits ternary, the mean magnitude of the weights above 0.7 of the mean magnitude; at 1 bit the mean magnitude.
 *
 * Sources: Wu et al. 2020, "Integer Quantization for Deep Learning Inference", section 4; Li and Liu 2016, "Ternary
 * Weight Networks", equations 5 and 6; Rastegari et al. 2016, "XNOR-Net", equation 6.
 *
 * @throws SdqError `bad-value` when a weight is not finite: names the site
 */
export function weightGrid(
  values: ArrayLike<number>,
  start: number,
  length: number,
  bits: number,
  site?: string,
): WeightGrid {
  if (bits === 2) return ternaryGrid(values, start, length, site);
  let largest = 0;
  let sum = 0;
  for (let i = start; i < start + length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (!(magnitude < Infinity)) throw notFinite(site);
    if (magnitude > largest) largest = magnitude;
    sum += magnitude;
  }
  const mean = sum / length;
  if (bits === 1) return { scale: Math.fround(length === 0 ? 0 : mean), threshold: 0 };
  return { scale: Math.fround(largest / largestLevel(bits)) || 1, threshold: 0 };
}

/** The integer of one weight, by the thresholds of {@link weightGrid}. */
export function levelOf(value: number, grid: WeightGrid, bits: number): number {
  if (bits === 1) return value < 0 ? -1 : 1;
  if (bits === 2) return ternaryLevel(value, grid);
  return nearestLevel(value, grid.scale, bits);
}

/** The integer whose multiple of the scale lies nearest, half to even: as learned steps round. */
export function nearestLevel(value: number, scale: number, bits: number): number {
  if (bits === 1) return value < 0 ? -1 : 1;
  const limit = largestLevel(bits);
  const level = roundHalfEven(Math.fround(value / scale));
  return level > limit ? limit : Math.max(level, -limit);
}

/**
 * How many neighbouring elements of a weight [rows, columns] share a scale.
 *
 * @throws SdqError `bad-option` when a group does not divide the columns: names the site
 */
export function elementsPerScale(
  granularity: Granularity,
  shape: readonly [rows: number, columns: number],
  site?: string,
): number {
  const [rows, columns] = shape;
  if (granularity === 'tensor') return rows * columns;
  if (granularity === 'channel') return columns;
  const { group } = granularity;
  if (columns % group !== 0) {
    const place = site === undefined ? 'a weight' : `the weight of "${site}"`;
    throw new SdqError('bad-option', `Groups of ${group} do not divide the ${columns} columns of ${place}.`);
  }
  return group;
}

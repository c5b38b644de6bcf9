import type { Tensor } from '@tensorflow/tfjs';
import type { Site } from './encoder-ops.ts';

/**
 * A uniform affine grid: q = clamp(round(x / scale) + zeroPoint, qMin, qMax), x' = (q - zeroPoint) * scale,
 * rounding half to even.
 */
export interface AffineGrid {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly qMin: number;
  readonly qMax: number;
}

/** A weight [rows, columns] as integers with one scale a row, or a group of a row's columns; symmetric, so zero is 0. */
export interface QuantizedRows {
  /** 1 to 8. */
  readonly bits: number;
  readonly shape: readonly [rows: number, columns: number];
  /** [rows * columns], each in [-(2^(bits-1) - 1), 2^(bits-1) - 1]; at 1 bit each is -1 or 1. */
  readonly values: Int8Array;
  /** [rows * groups of a row], each > 0; at 1 bit a group of zeros has the scale 0. */
  readonly scales: Float32Array;
  /** How many neighbouring columns share a scale, a divisor of their number; absent: the whole row does. */
  readonly groupSize?: number;
  /** Where the values are made of few different blocks, as those of product quantization: how they are stored. */
  readonly codebook?: Codebook;
}

/** A weight's integers as entries of a codebook: block after block of neighbouring columns, row after row. */
export interface Codebook {
  /** A divisor of the number of columns. */
  readonly blockSize: number;
  /** [entries * blockSize], 1 to 256 entries. */
  readonly entries: Int8Array;
  /** [rows * columns / blockSize], each the number of an entry. */
  readonly codes: Uint8Array;
}

/** What shares one scale of a weight [rows, columns]. */
export type Granularity = 'tensor' | 'channel' | { readonly group: number };

/** A way to put a weight [rows, columns] on a grid. */
export interface WeightQuantizer {
  readonly name: string;
  readonly bits: number;
  readonly granularity: Granularity;
  /**
   * The integers that {@link quantize} can give, ascending, two or more. With its scales they are the quantizer's grid, so that
   * GPTQ and AdaRound round to it; without them these refuse the quantizer.
   */
  readonly levels?: readonly number[];
  /** The weight as the grid holds it, as floats, with a straight-through gradient; `site` is for errors. */
  fakeQuantize(weight: Tensor, site?: Site): Tensor;
  /** The integers and scales to store. */
  quantize(weight: Tensor, site?: Site): QuantizedRows;
  /**
   * x [tokens, in] as its grid holds it, times {@link fakeQuantize} of the weight [out, in] transposed, plus the bias
   * [out], with the gradients of that composition; absent where nothing is faster than the composition.
   */
  linear?(x: Tensor, grid: AffineGrid, weight: Tensor, bias: Tensor, site?: Site): Tensor;
}

/** Collects the range of an activation over calibration batches. */
export interface Observer {
  readonly name: string;
  /** Takes in one batch; throws on NaN or infinity, and names the site. */
  observe(x: Tensor, site?: Site): void;
  /** The range [min, max] seen so far, which always includes zero. */
  range(): { readonly min: number; readonly max: number };
  /** Takes in what another observer of the same kind and options has seen. */
  merge(other: Observer): void;
  /** All that was seen, as plain data. */
  toJSON(): ObserverState;
}

/** What an observer has seen, as plain data that JSON can hold. */
export interface ObserverState {
  readonly name: string;
  readonly [field: string]: unknown;
}

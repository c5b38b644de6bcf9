import type { Tensor } from '@tensorflow/tfjs';

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

/** A weight [rows, columns] as integers with one scale a row; symmetric, so zero is 0. */
export interface QuantizedRows {
  readonly bits: number;
  readonly shape: readonly [rows: number, columns: number];
  /** [rows * columns], each in [-(2^(bits-1) - 1), 2^(bits-1) - 1]. */
  readonly values: Int8Array;
  /** [rows], each > 0. */
  readonly scales: Float32Array;
}

/** A way to put a weight [rows, columns] on a grid. */
export interface WeightQuantizer {
  readonly name: string;
  readonly bits: number;
  /** The weight as the grid holds it, as floats, with a straight-through gradient. */
  fakeQuantize(weight: Tensor): Tensor;
  /** The integers and scales to store. */
  quantize(weight: Tensor): QuantizedRows;
}

/** Collects the range of an activation over calibration batches. */
export interface Observer {
  readonly name: string;
  /** Takes in one batch; throws on NaN or infinity. */
  observe(x: Tensor): void;
  /** The range [min, max] seen so far, which always includes zero. */
  range(): { readonly min: number; readonly max: number };
}

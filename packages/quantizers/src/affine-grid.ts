import { type AffineGrid, SdqError } from '@sdq/core';

/**
 * The unsigned grid of `bits` bits that covers a range, with zero exactly on it.
 *
 * A range of zero width gives the grid whose every value is zero. Source: Jacob et al. 2018, "Quantization and
 * Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 2.1.
 *
 * @param range - the values to cover; it is widened to hold zero
 * @param bits - 2 to 8
 * @param symmetric - puts zero in the middle of the grid, at 2^(bits-1), and the larger end of the range on it
 * @throws SdqError `bad-value` when the range is not finite or is upside down; `bad-option` for other bits
 *
 * @example
 * ```ts
 * import { gridForRange } from '@sdq/quantizers';
 *
 * gridForRange({ min: -1, max: 1.55 }, 8); // { scale: 0.01, zeroPoint: 100, qMin: 0, qMax: 255 } to f32 rounding
 * ```
 */
export function gridForRange(
  range: { readonly min: number; readonly max: number },
  bits = 8,
  symmetric = false,
): AffineGrid {
  const { min, max } = range;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new SdqError('bad-option', `An activation cannot have ${bits} bits: choose 2 to 8.`);
  }
  if (!Number.isFinite(min) || !Number.isFinite(max) || min > max) {
    throw new SdqError('bad-value', `The range [${min}, ${max}] is no range: calibrate on finite data.`);
  }
  const qMax = 2 ** bits - 1;
  const low = Math.min(0, min);
  const high = Math.max(0, max);
  if (low === high) return { scale: 1, zeroPoint: 0, qMin: 0, qMax: 0 };
  const middle = 2 ** (bits - 1);
  const scale = Math.fround(symmetric ? Math.max(-low, high) / (middle - 1) : (high - low) / qMax);
  // A denormal width rounds to a scale of zero; such an activation is zero for every purpose.
  if (scale === 0) return { scale: 1, zeroPoint: 0, qMin: 0, qMax: 0 };
  if (symmetric) return { scale, zeroPoint: middle, qMin: 0, qMax };
  const zeroPoint = Math.min(qMax, Math.max(0, Math.round(-low / scale)));
  return { scale, zeroPoint, qMin: 0, qMax };
}

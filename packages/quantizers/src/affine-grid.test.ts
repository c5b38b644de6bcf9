import { describe, expect, it } from 'vitest';
import { gridForRange } from './affine-grid.ts';

describe('gridForRange', () => {
  it('covers the range with zero exactly on the grid', () => {
    for (const [min, max] of [
      [-1, 1.55],
      [0.5, 3],
      [-7, -2],
      [-1e-6, 1e6],
    ] as const) {
      const { scale, zeroPoint, qMin, qMax } = gridForRange({ min, max }, 8);
      expect(Number.isInteger(zeroPoint)).toBe(true);
      expect([qMin, qMax]).toEqual([0, 255]);
      // Rounding the zero point moves the ends by at most half a step.
      expect((qMin - zeroPoint) * scale).toBeLessThanOrEqual(Math.min(0, min) + scale * 0.501);
      expect((qMax - zeroPoint) * scale).toBeGreaterThanOrEqual(Math.max(0, max) - scale * 0.501);
      expect(scale).toBe(Math.fround(scale));
    }
  });

  it('with zero in the middle, covers the larger end', () => {
    for (const bits of [8, 4]) {
      const { scale, zeroPoint, qMin, qMax } = gridForRange({ min: -3, max: 1 }, bits, true);
      expect([zeroPoint, qMin, qMax]).toEqual([2 ** (bits - 1), 0, 2 ** bits - 1]);
      expect((1 - zeroPoint) * scale).toBeCloseTo(-3, 6);
    }
  });

  it('refuses bits out of range', () => {
    for (const bits of [1, 9, 7.5])
      expect(() => gridForRange({ min: 0, max: 1 }, bits)).toThrow(`${bits} bits`);
  });

  it('gives the grid of zero alone for a range without width', () => {
    expect(gridForRange({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0, qMin: 0, qMax: 0 });
    expect(gridForRange({ min: 0, max: 1e-45 })).toEqual({ scale: 1, zeroPoint: 0, qMin: 0, qMax: 0 });
  });

  it('refuses an invalid range', () => {
    expect(() => gridForRange({ min: 1, max: -1 })).toThrow(/no range/);
    expect(() => gridForRange({ min: 0, max: Number.NaN })).toThrow(/no range/);
    expect(() => gridForRange({ min: Number.NEGATIVE_INFINITY, max: 0 })).toThrow(/no range/);
  });
});

import { roundHalfEven } from '@sdq/kernels';
import { expect, it } from 'vitest';
import { gridBounds } from './grid-bounds.ts';

for (const [scale, low, high] of [
  [0.037, -117, 138],
  [0.25, 0, 255],
  [1.7e-3, -128, 127],
  [3e-30, -3, 4],
  [1e4, 0, 0],
] as const) {
  it(`are the first and last float32 on the grid of ${scale}, ${low} to ${high}`, () => {
    const step = Math.fround(scale);
    const inside = (x: number) => {
      const rounded = roundHalfEven(Math.fround(x / step));
      return rounded >= low && rounded <= high;
    };
    const { least, most } = gridBounds(step, low, high);
    expect([least, most].map(Math.fround)).toEqual([least, most]);
    expect([least, most].map(inside)).toEqual([true, true]);
    const beside = (x: number, way: number) => Math.fround(x + way * (Math.abs(x) * 2 ** -23 || 2 ** -149));
    expect([beside(least, -1), beside(most, 1)].map(inside)).toEqual([false, false]);
  });
}

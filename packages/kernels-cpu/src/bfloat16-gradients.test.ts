import { quantizeRows } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { loadAddon } from './addon.ts';

const [m, n, k] = [37, 50, 45];
const grid = { scale: 0.01, low: -100, high: 155 };

let state = 1;
const floats = (length: number) =>
  Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 30 - 2;
  });
const [dy, x, weight] = [floats(m * n), floats(m * k), floats(n * k)];

/** The step that a value rounds to, before the ends of the grid cut it off. */
const step = (value: number) => Math.round(Math.fround(value / grid.scale));

/** Sums in float64, and what rounding each gradient to 8 significant bits may change in them. */
function expectSums(ours: Float32Array, terms: (at: number) => [gradient: number, factor: number][]) {
  ours.forEach((value, at) => {
    let [sum, magnitude] = [0, 0];
    for (const [gradient, factor] of terms(at)) {
      sum += gradient * factor;
      magnitude += Math.abs(gradient * factor);
    }
    expect(Math.abs(value - sum)).toBeLessThanOrEqual(magnitude * 2 ** -8 + 1e-6);
  });
  // Errors of all signs: the sums as a whole are nearer than the bound of each.
  const squares = (of: (at: number) => number) => ours.reduce((sum, _, at) => sum + of(at) ** 2, 0);
  const exact = (at: number) => terms(at).reduce((sum, [gradient, factor]) => sum + gradient * factor, 0);
  expect(Math.sqrt(squares((at) => ours[at]! - exact(at)) / squares(exact))).toBeLessThan(2 ** -8);
}

it.each([8, 2])(
  'the gradient of the input is that of float64 with gradients of 8 significant bits: %i bits',
  async (bits) => {
    await tf.setBackend('cpu');
    const dx = new Float32Array(m * k);
    loadAddon().quantizedLinearGradInputBf16(
      dy,
      x,
      weight,
      2 ** (bits - 1) - 1,
      grid.scale,
      grid.low,
      grid.high,
      dx,
      m,
      n,
      k,
    );
    const { values, scales } = quantizeRows(tf.tensor2d(weight, [n, k]), bits);
    expectSums(dx, (at) => {
      const [row, column] = [Math.floor(at / k), at % k];
      const inside = step(x[at]!) >= grid.low && step(x[at]!) <= grid.high;
      return Array.from({ length: n }, (_, j) => {
        return [dy[row * n + j]!, inside ? values[j * k + column]! * scales[j]! : 0];
      });
    });
  },
);

it('the gradient of the weight is that of float64 with gradients of 8 significant bits', () => {
  const dw = new Float32Array(n * k);
  loadAddon().quantizedLinearGradWeightBf16(dy, x, grid.scale, grid.low, grid.high, dw, m, n, k);
  expectSums(dw, (at) => {
    const [row, column] = [Math.floor(at / k), at % k];
    return Array.from({ length: m }, (_, i) => {
      const rounded = Math.min(Math.max(step(x[i * k + column]!), grid.low), grid.high);
      return [dy[i * n + row]!, rounded * grid.scale];
    });
  });
});

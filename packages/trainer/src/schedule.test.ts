import { expect, it } from 'vitest';
import { warmupCosine, warmupLinear } from './schedule.ts';

it('rises over the warm-up, reaches 1 and falls to nearly 0', () => {
  const shares = Array.from({ length: 100 }, (_, step) => warmupLinear(step, 100, 0.1));
  expect(shares[0]).toBeCloseTo(0.1, 12);
  expect(shares[9]).toBe(1);
  expect(shares[10]).toBe(1);
  expect(shares[55]).toBeCloseTo(0.5, 12);
  expect(shares[99]).toBeCloseTo(1 / 90, 12);
});

it('starts at the peak without a warm-up', () => {
  expect(warmupLinear(0, 10, 0)).toBe(1);
});

it('falls by the cosine: slowly at both ends, in the middle as the line', () => {
  const shares = Array.from({ length: 101 }, (_, step) => warmupCosine(step, 100, 0.1));
  expect(shares.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, step) => warmupLinear(step, 100, 0.1)));
  expect(shares[10]).toBe(1);
  expect(shares[55]).toBeCloseTo(0.5, 12);
  expect(shares[40]).toBeCloseTo((1 + Math.cos(Math.PI / 3)) / 2, 12);
  expect(shares[100]).toBeCloseTo(0, 12);
});

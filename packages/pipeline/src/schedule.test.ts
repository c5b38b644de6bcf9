import { expect, it } from 'vitest';
import { warmupLinear } from './schedule.ts';

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

import { expect, it } from 'vitest';
import { agreement, rankCorrelation, toldShare } from './language-effects.mjs';

it('counts what agrees', () => {
  expect(agreement(['a', 'b', 'a', 'c'], ['a', 'b', 'b', 'b'])).toBe(0.5);
});

it('says how much of the entropy is told', () => {
  // Another name for each label tells all; a constant tells nothing.
  expect(toldShare(['a', 'b', 'a', 'b'], ['x', 'y', 'x', 'y'])).toBeCloseTo(1, 12);
  expect(toldShare(['a', 'b', 'a', 'b'], ['x', 'x', 'x', 'x'])).toBeCloseTo(0, 12);
  // Of four equal labels, two pairs are told apart: one bit of two.
  expect(toldShare(['a', 'b', 'c', 'd'], ['x', 'x', 'y', 'y'])).toBeCloseTo(0.5, 12);
  expect(toldShare(['a', 'a'], ['x', 'y'])).toBe(1);
});

it('is Spearman’s correlation, with mean ranks for equal values', () => {
  expect(rankCorrelation([1, 2, 3], [10, 100, 1000])).toBeCloseTo(1, 12);
  expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
  // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
  expect(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(22.5), 12);
});

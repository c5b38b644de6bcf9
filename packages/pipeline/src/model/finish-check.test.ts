import { expect, it } from 'vitest';
import { compareLogits, logitDistance } from './finish-check.ts';

const shown = (...values: number[]) => [{ values: Float32Array.from(values), columns: 2 }];

it('tells the largest difference, and how many rows predict the same', () => {
  const check = compareLogits(shown(8, 1, 2, 3, 0, -4), shown(8, 1.5, 3.25, 3, 0, -4));
  expect(check).toEqual({
    largestDifference: 1.25,
    largestLogit: 8,
    samePredictions: 2 / 3,
    equal: false,
  });
});

it('takes logits as equal to a thousandth of the largest', () => {
  expect(compareLogits(shown(8, 1), shown(8, 1.0078125)).equal).toBe(true);
  expect(compareLogits(shown(8, 1), shown(8, 1.0082)).equal).toBe(false);
  expect(compareLogits(shown(8, 1), shown(8, Number.NaN)).equal).toBe(false);
});

it('measures the mean squared difference over all batches', () => {
  expect(logitDistance([...shown(1, 2), ...shown(3, 4, 5, 6)], [...shown(1, 4), ...shown(3, 4, 5, 3)])).toBe(
    13 / 6,
  );
});

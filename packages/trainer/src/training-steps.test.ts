import { Random } from '@sdq/core';
import { expect, it } from 'vitest';
import { planSteps } from './training-steps.ts';

const lengths = Array.from({ length: 50 }, (_, i) => 3 + (i % 7));
const plan = (more: object = {}) =>
  planSteps(
    lengths,
    { epochs: 2, tokensPerBatch: 20, accumulate: 1, evaluationsPerEpoch: 1, ...more },
    new Random(3),
  );
const evaluated = (steps: ReturnType<typeof plan>) =>
  steps.flatMap(({ evaluates }, i) => (evaluates ? [i + 1] : []));

it('goes through all examples in each epoch, in another order', () => {
  const steps = plan();
  const half = steps.length / 2;
  const order = (part: typeof steps) => part.flatMap(({ batches }) => batches.flat());
  const [first, second] = [order(steps.slice(0, half)), order(steps.slice(half))];
  const all = [...lengths.keys()];
  expect([...first].sort((a, b) => a - b)).toEqual(all);
  expect([...second].sort((a, b) => a - b)).toEqual(all);
  expect(first).not.toEqual(second);
  expect(evaluated(steps)).toEqual([half, steps.length]);
});

it('joins batches to steps within an epoch, and counts the batches before each', () => {
  const single = plan();
  const joined = plan({ accumulate: 4 });
  expect(joined.flatMap(({ batches }) => batches)).toEqual(single.flatMap(({ batches }) => batches));
  const half = single.length / 2;
  expect(joined.length).toBe(2 * Math.ceil(half / 4));
  let before = 0;
  for (const { batches, batchesBefore } of joined) {
    expect(batchesBefore).toBe(before);
    before += batches.length;
  }
});

it('spreads the evaluations of an epoch, the last at its end', () => {
  const steps = plan({ evaluationsPerEpoch: 3 });
  const half = steps.length / 2;
  expect(evaluated(steps)).toEqual([1, 2, 3, 4, 5, 6].map((i) => Math.ceil((i * half) / 3)));
  // Never more often than there are steps.
  expect(evaluated(plan({ evaluationsPerEpoch: 1000 }))).toEqual([...steps.keys()].map((i) => i + 1));
});

import { expect, it } from 'vitest';
import { keptZeroShot } from './tasks-picture.mjs';

const run = (plan: string, seed: number, sdq: number) => ({
  config: { plan, seed },
  scores: { fp32: {}, sdq: {} },
  averageZeroShot: { fp32: 0.8, sdq },
});

it('keeps the mean share over the seeds, plan by plan, and nothing where no run has the version', () => {
  const task = { task: 'POS', runs: [run('w8a8', 0, 0.8), run('w8a8', 1, 0.6), run('w2a8', 0, 0.4)] };
  const shares = keptZeroShot(task, ['w8a8', 'w4a8', 'w2a8'], 'sdq');
  expect([shares[0]!.toFixed(6), shares[1], shares[2]]).toEqual(['0.875000', undefined, 0.5]);
  expect(keptZeroShot(task, ['w8a8'], 'qat')).toEqual([undefined]);
});

import { expect, it } from 'vitest';
import { resolveRunConfig } from './run-config.ts';
import { sweepJobs } from './sweep.ts';

const base = { task: 'POS', data: 'xglue', methods: ['sdq'], distillation: { logits: 2 } };
const plan = [{ match: '**', weight: 'int4-per-channel' }];

it('is every combination of the values, each with a folder of its own', () => {
  const grid = { plan: ['w8a8', plan], 'distillation.attention': [10, 1000], seed: [0, 1] };
  const jobs = sweepJobs({ name: 'tries', base, grid }, 'out', 'e5');
  expect(jobs.map(({ name }) => name)).toEqual([
    'plan-w8a8_attention-10_seed-0',
    'plan-w8a8_attention-10_seed-1',
    'plan-w8a8_attention-1000_seed-0',
    'plan-w8a8_attention-1000_seed-1',
    'plan-1_attention-10_seed-0',
    'plan-1_attention-10_seed-1',
    'plan-1_attention-1000_seed-0',
    'plan-1_attention-1000_seed-1',
  ]);
  const { config, settings } = jobs[6]!;
  expect(config).toEqual(
    resolveRunConfig({
      task: 'POS',
      data: 'xglue',
      model: 'e5',
      methods: ['sdq'],
      plan,
      seed: 0,
      distillation: { logits: 2, attention: 1000 },
      out: 'out/tries/plan-1_attention-1000_seed-0',
    }),
  );
  expect(settings).toEqual({ plan, 'distillation.attention': 1000, seed: 0 });
  expect(base.distillation).toEqual({ logits: 2 });
  expect(sweepJobs({ name: 'one', base, grid: {} }, 'out', 'e5').map(({ name }) => name)).toEqual(['run']);
});

it('names the teacher of each run by its settings', () => {
  const grid = { plan: ['w8a8', 'w4a8'], seed: [0, 1] };
  const jobs = sweepJobs(
    { name: 'x', base: { ...base, teacher: 'runs/pos/seed-{seed}/teacher' }, grid },
    'out',
    'e5',
  );
  expect(jobs.map(({ config }) => config.teacher)).toEqual(
    [0, 1, 0, 1].map((seed) => `runs/pos/seed-${seed}/teacher`),
  );
  expect(jobs[0]!.config.model).toBe('runs/pos/seed-0/teacher');
});

it.each([
  [{ name: 'x', base: { ...base, teacher: '{sed}/teacher' }, grid: { seed: [0] } }, /names \{sed\}/],
  [{ name: '../up', base, grid: {} }, /no usable "name"/],
  [{ name: 'x', base, grid: { seed: [] } }, /no usable "grid\.seed"/],
  [{ name: 'x', base, grid: { '__proto__.y': [1] } }, /"__proto__\.y" in the experiment's grid is no option/],
  [{ name: 'x', base: { ...base, epoch: 3 }, grid: {} }, /epoch/],
  [{ name: 'x', base, grid: { a: Array(200).fill(1), b: Array(200).fill(1) } }, /40000 runs/],
  [[], /no usable ""/],
])('refuses what is no sweep: %#', (definition, message) => {
  expect(() => sweepJobs(definition, 'out', 'e5')).toThrow(message);
});

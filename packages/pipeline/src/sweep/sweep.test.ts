import { expect, it } from 'vitest';
import { resolveRunConfig } from '../config/run-config.ts';
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

it('takes options of a task over those of every run, and values of the grid over both', () => {
  const tasks = { POS: { trainLimit: 60, 'distillation.logits': 3 }, NC: { seed: 7 } };
  const definition = { name: 'x', base: { ...base, task: undefined, trainLimit: 10 }, tasks };
  const jobs = sweepJobs({ ...definition, grid: { task: ['POS', 'NC'] } }, 'out', 'e5');
  expect(
    jobs.map(({ name, config: { task, trainLimit, distillation, seed } }) => [
      ...[name, task, trainLimit, distillation.logits, seed],
    ]),
  ).toEqual([
    ['task-POS', 'POS', 60, 3, 0],
    ['task-NC', 'NC', 10, 2, 7],
  ]);
  const seeds = sweepJobs({ ...definition, grid: { task: ['NC'], seed: [1] } }, 'out', 'e5');
  expect(seeds[0]!.config.seed).toBe(1);
  const alone = sweepJobs({ name: 'x', base, tasks, grid: {} }, 'out', 'e5');
  expect(alone[0]!.config.trainLimit).toBe(60);
});

it.each([
  [
    { name: 'x', base, tasks: { PSO: { trainLimit: 9 } }, grid: {} },
    /"tasks" has no options of the task "POS"/,
  ],
  [{ name: 'x', base, tasks: { POS: { '__proto__.y': 1 } }, grid: {} }, /"__proto__\.y" in .* is no option/],
  [{ name: 'x', base, tasks: { POS: 3 }, grid: {} }, /no usable "tasks\.POS"/],
  [{ name: 'x', base: { ...base, teacher: '{sed}/teacher' }, grid: { seed: [0] } }, /names \{sed\}/],
  [{ name: '../up', base, grid: {} }, /no usable "name"/],
  [{ name: 'x', base, grid: { seed: [] } }, /no usable "grid\.seed"/],
  [{ name: 'x', base, grid: { '__proto__.y': [1] } }, /"__proto__\.y" in .* is no option/],
  [{ name: 'x', base: { ...base, epoch: 3 }, grid: {} }, /epoch/],
  [{ name: 'x', base, grid: { a: Array(200).fill(1), b: Array(200).fill(1) } }, /40000 runs/],
  [[], /no usable ""/],
])('refuses what is no sweep: %#', (definition, message) => {
  expect(() => sweepJobs(definition, 'out', 'e5')).toThrow(message);
});

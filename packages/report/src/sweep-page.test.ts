import type { Results, SweepRun } from '@sdq/core/results';
import { expect, it } from 'vitest';
import { sweepPage } from './sweep-page.ts';

/** No tests of which versions differ. */
const none = (): string[][] => [];

const run = (config: object, more: object): SweepRun => ({
  settings: { seed: 0, ...config },
  results: {
    ...{ task: 'NC', metric: 'accuracy', seconds: 3600, backend: 'sdq-cpu', versions: { sdq: '1' } },
    ...{ scores: { fp32: { en: 0.9 } }, averageZeroShot: {}, bytes: { fp32: 1 }, examples: { en: 10 } },
    ...more,
    config: { data: 'none', out: 'none', distillation: {}, ...config },
  } as unknown as Results,
});

it('states of the runs together only what is so of each', () => {
  const one = run({ devLimit: 10 }, { machine: 'a machine', trainLanguages: ['en'] });
  const alone = sweepPage('tiny', [one], 'sdq sweep tiny.json', none);
  expect(alone).toContain('the first 10 dev examples of each language (10 on average)');
  expect(alone).toContain('Fine-tuned on English alone');
  expect(alone).toContain('1 run, 1.0 hours in all. a machine; sdq-cpu; sdq 1.');
  const other = run({ devLimit: 20, teacher: 'elsewhere' }, { machine: 'another', trainLanguages: ['en'] });
  const both = sweepPage('tiny', [one, other], 'sdq sweep tiny.json', none);
  expect(both).not.toContain('the first 10 dev examples');
  expect(both).toContain('hours in all, the time of teachers that were given not included.');
  expect(both).toContain('a machine; sdq-cpu; sdq 1. another; sdq-cpu; sdq 1.');
  expect(both).toContain('| without en |');
});

it('has a section a task, with the languages of that task', () => {
  const more = { machine: 'a machine', trainLanguages: ['en'] };
  const nc = run({ task: 'NC', plan: 'w8a8' }, more);
  const pos = run(
    { task: 'POS', plan: 'w8a8' },
    { ...more, task: 'POS', scores: { fp32: { en: 0.8, th: 0.7 } } },
  );
  const page = sweepPage('both', [nc, pos], 'sdq sweep both.json', none);
  expect(page.match(/^#.*$/gm)).toEqual(['# both', '## NC', '### Languages', '## POS', '### Languages']);
  const [, ofNc, ofPos] = page.split(/^## /m);
  expect(ofNc).toContain('NC, accuracy, in points of 100');
  expect(ofNc).toMatch(/^\| plan +\| version +\| en +\|$/m);
  expect(ofPos).toMatch(/^\| plan +\| version +\| en +\| th +\|$/m);
  expect(page).not.toMatch(/^\| task/m);
  expect(page).toContain('2 runs, 2.0 hours in all. a machine; sdq-cpu; sdq 1.');
});

it('has the tests of the runs where there are some', () => {
  const page = sweepPage('tested', [run({}, { machine: 'a machine' })], 'sdq sweep a.json', () => [
    ['version', 'p'],
    ['SDQ', '.0123'],
  ]);
  expect(page).toMatch(/^## Tests$/m);
  expect(page).toContain('| SDQ     | .0123 |');
});

import type { Results } from '@sdq/core/results';
import { expect, it } from 'vitest';
import { resolveRunConfig } from '../../pipeline/src/config/run-config.ts';
import { sweepLanguages, sweepTable } from './sweep-table.ts';

const plan = [{ match: '**', weight: 'int4-per-channel' }];
const run = (settings: object, fp32: number, sdq: number) => {
  const scores = { fp32: { en: 0.9, de: fp32 }, sdq: { en: 0.9, de: sdq } };
  const averageZeroShot = { fp32, sdq };
  const bytes = { fp32: 4_000_000, sdq: 1_234_567 };
  const config = resolveRunConfig({ task: 'NC', data: 'd', model: 'm', out: 'o' });
  return {
    settings: { ...settings },
    results: { scores, averageZeroShot, bytes, config } as unknown as Results,
  };
};
const runs = [
  run({ plan: 'w8a8', seed: 0 }, 0.7, 0.6),
  run({ plan: 'w8a8', seed: 1 }, 0.8, 0.8),
  run({ plan, seed: 0 }, 0.7, 0.5),
];

it('gives mean and spread over the seeds of each setting', () => {
  expect(sweepTable(runs)).toEqual([
    ['plan', 'version', 'seeds', 'en', 'zero-shot', 'average', 'sd', 'kept', 'kept zero-shot', 'MB'],
    ['w8a8', 'fp32 teacher', '2', '90.00', '75.00', '82.50', '3.54', '100.00 %', '100.00 %', '4.0'],
    // Averages .75 and .85; kept .75 / .8 and 1, in German 6 / 7 and 1.
    ['w8a8', 'SDQ (Att-KLD)', '2', '90.00', '70.00', '80.00', '7.07', '96.88 %', '92.86 %', '1.2'],
    [JSON.stringify(plan), 'fp32 teacher', '1', '90.00', '70.00', '80.00', '', '100.00 %', '100.00 %', '4.0'],
    [JSON.stringify(plan), 'SDQ (Att-KLD)', '1', '90.00', '50.00', '70.00', '', '87.50 %', '71.43 %', '1.2'],
  ]);
});

it('gives the mean of each language', () => {
  expect(sweepLanguages(runs).slice(0, 3)).toEqual([
    ['plan', 'version', 'en', 'de'],
    ['w8a8', 'fp32 teacher', '90.0', '75.0'],
    ['w8a8', 'SDQ (Att-KLD)', '90.0', '70.0'],
  ]);
});

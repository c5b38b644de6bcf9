import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Results, readResults } from '@sdq/core/results';
import { afterAll, expect, it } from 'vitest';
import { comparisonTable } from './comparison-table.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-compare-'));
afterAll(() => rmSync(root, { recursive: true }));

function results(task: string, scores: Results['scores']): Results {
  const config = { distillation: { task: 1, logits: 1, attention: 100, temperature: 1 } };
  return { task, scores, bytes: { fp32: 4e6, sdq: 1.5e6 }, seconds: 3, config } as unknown as Results;
}

const first = results('NC', { fp32: { en: 0.9, de: 0.8, fr: 0.7 }, sdq: { en: 0.88, de: 0.8, fr: 0.6 } });
const second = results('NC', { fp32: { de: 0.5, en: 1 }, qat: { de: 0.45, en: 0.9 } });

it('has a row for each version of each run, over the languages that all have', () => {
  expect(
    comparisonTable([
      { name: 'a', results: first },
      { name: 'b', results: second },
    ]),
  ).toEqual([
    ['', 'en', 'de', 'average', 'zero-shot', 'kept', 'MB'],
    ['a fp32 teacher', '90.0', '80.0', '85.00', '80.00', '100.00 %', '4.0'],
    ['a SDQ (Att-KLD)', '88.0', '80.0', '84.00', '80.00', '98.82 %', '1.5'],
    ['b fp32 teacher', '100.0', '50.0', '75.00', '50.00', '100.00 %', '4.0'],
    ['b QAT', '90.0', '45.0', '67.50', '45.00', '90.00 %', ''],
  ]);
});

it('refuses runs that cannot be compared', () => {
  const named = (...all: Results[]) => all.map((results, i) => ({ name: String(i), results }));
  expect(() => comparisonTable(named(first, results('POS', { fp32: { en: 1 } })))).toThrow('NC and POS');
  expect(() => comparisonTable(named(first, results('NC', { fp32: { zh: 1 } })))).toThrow(
    'no language in common',
  );
});

it('reads results, and says when a folder has none that a run wrote', () => {
  const write = (text: string) => writeFileSync(join(root, 'results.json'), text);
  expect(() => readResults(root)).toThrow(/holds no results\.json/);
  for (const text of [
    '{',
    '[]',
    '{"task":"NC","scores":{}}',
    JSON.stringify({ ...first, scores: { fp32: { en: 'x' } } }),
  ]) {
    write(text);
    expect(() => readResults(root)).toThrow(/results\.json is not what a run writes/);
  }
  write(JSON.stringify(first));
  expect(readResults(root)).toEqual(first);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { markedLabel, scoredVersions } from './methods.ts';
import { readResults } from './read-results.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-older-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const byVersion = <T>(value: T) => ({ fp32: value, ptqMinMax: value, ptqPercentile: value });
const scores = { fp32: { en: 0.9 }, ptqMinMax: { en: 0.8 }, ptqPercentile: { en: 0.8 }, ptq: { en: 0.8 } };
const old = {
  task: 'NC',
  scores,
  average: { fp32: 0.9, ptqMinMax: 0.8, ptqPercentile: 0.8, ptq: 0.8 },
  averageZeroShot: {},
  intervals: byVersion({ en: { low: 0.7, high: 1 } }),
  changes: { ptqMinMax: {}, ptqPercentile: {} },
  fairness: byVersion({}),
  bytes: { fp32: 4e6, ptq: 1e6 },
  bytesByPart: { fp32: { head: 1 }, ptq: { head: 1 } },
  seconds: 1,
  config: { distillation: {} },
};

it('reads the results of a run that had two PTQ versions of fixed names', () => {
  writeFileSync(join(root, 'results.json'), JSON.stringify(old));
  writeFileSync(
    join(root, 'stages.json'),
    JSON.stringify({ ptq: { observer: { chosen: 'percentile' }, scores: {} } }),
  );
  const results = readResults(root);
  // Both score the same: the stage says which one was chosen.
  expect(results.ptq).toEqual({ best: 'ptq-percentile', distances: {} });
  expect(Object.keys(results.scores)).toEqual(['fp32', 'ptq-min-max', 'ptq-percentile', 'ptq']);
  expect(Object.keys(results.average)).toEqual(['fp32', 'ptq-min-max', 'ptq-percentile', 'ptq']);
  for (const field of ['intervals', 'fairness'] as const) {
    expect(Object.keys(results[field]), field).toEqual(['fp32', 'ptq-min-max', 'ptq-percentile']);
  }
  expect(Object.keys(results.changes)).toEqual(['ptq-min-max', 'ptq-percentile']);
  expect(results.bytes).toEqual({ fp32: 4e6, 'ptq-percentile': 1e6 });
  expect(Object.keys(results.bytesByPart!)).toEqual(['fp32', 'ptq-percentile']);
  expect(scoredVersions(results.scores).map((version) => markedLabel(version, results))).toEqual([
    'fp32 teacher',
    'PTQ min-max',
    'PTQ percentile (best PTQ)',
  ]);
});

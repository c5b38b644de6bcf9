import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Results } from '@sdq/core/results';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveRunConfig } from '../config/run-config.ts';
import { keepPredictions } from '../evaluation/run-predictions.ts';
import { sweepTests } from './sweep-tests.ts';

const EXAMPLES = 40;
let root: string;
const data = () => join(root, 'xglue');

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sdq-sweep-tests-'));
  mkdirSync(join(data(), 'XNLI'), { recursive: true });
  for (const language of ['en', 'de'])
    writeFileSync(
      join(data(), 'XNLI', `${language}.dev`),
      Array.from({ length: EXAMPLES + 5 }, (_, i) => `${language} ${i}\tb\tneutral\n`).join(''),
    );
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A run whose versions are wrong in so many examples of each language. */
function run(seed: number, wrong: Readonly<Record<string, number>>) {
  const out = join(root, `seed-${seed}`);
  const config = resolveRunConfig({ task: 'XNLI', data: data(), model: 'm', out, devLimit: EXAMPLES });
  const scores: Record<string, Record<string, number>> = {};
  for (const [version, mistakes] of Object.entries(wrong)) {
    scores[version] = {};
    for (const language of ['en', 'de']) {
      const predictions = Array.from({ length: EXAMPLES }, (_, i) =>
        i < mistakes ? 'entailment' : 'neutral',
      );
      keepPredictions(out, version, 'XNLI', language, { predictions });
      scores[version][language] = 1 - mistakes / EXAMPLES;
    }
  }
  return {
    settings: { plan: 'w2a8', seed },
    results: { task: 'XNLI', scores, config } as unknown as Results,
  };
}

it('holds each trained version against the simpler ones', () => {
  const table = sweepTests([
    run(0, { fp32: 0, ptqMinMax: 30, qat: 10, sdq: 8 }),
    run(1, { fp32: 0, ptqMinMax: 30, qat: 12, sdq: 8 }),
  ]);
  expect(table.map((row) => row.slice(0, 3))).toEqual([
    ['plan', 'version', 'less'],
    ['w2a8', 'QAT', 'fp32 teacher'],
    ['w2a8', 'QAT', 'PTQ min-max'],
    ['w2a8', 'SDQ (Att-KLD)', 'fp32 teacher'],
    ['w2a8', 'SDQ (Att-KLD)', 'PTQ min-max'],
    ['w2a8', 'SDQ (Att-KLD)', 'QAT'],
  ]);
  const [difference, sd, p, adjusted] = table.at(-1)!.slice(3).map(Number);
  // 2 and 4 of 40 examples, in both languages.
  expect(difference).toBe(7.5);
  expect(sd).toBeCloseTo(3.54, 2);
  // Examples 8 and 9 differ in both runs, 10 and 11 in one, and each alike in both languages: the differences, all one way, are 4
  // coins in all.
  expect(p).toBeCloseTo(2 / 2 ** 4, 2);
  expect(adjusted).toBe(p);
  expect(Number(table[2]!.at(-1))).toBeLessThan(0.0025);
});

it('holds them against the best PTQ of each run, where there are several', () => {
  const versions = { fp32: 0, 'ptq-mse': 20, 'ptq-gptq': 12, qat: 8 };
  const bestOf = (best: string, { settings, results }: ReturnType<typeof run>) => {
    const scores = { ...results.scores, ptq: results.scores[best]! };
    return { settings, results: { ...results, scores, ptq: { best, distances: {} } } };
  };
  const runs = [bestOf('ptq-gptq', run(4, versions)), bestOf('ptq-mse', run(5, versions))];
  const table = sweepTests(runs);
  expect(table.slice(1).map((row) => row.slice(1, 4))).toEqual([
    ['QAT', 'fp32 teacher', '-20.00'],
    // 4 of 40 examples in the first run, 12 in the second.
    ['QAT', 'best PTQ', '20.00'],
  ]);
});

it('has no rows without predictions or data', () => {
  const whole = run(2, { fp32: 0, qat: 3 });
  rmSync(join(root, 'seed-2'), { recursive: true });
  expect(sweepTests([whole])).toEqual([]);
  const elsewhere = run(3, { fp32: 0, qat: 3 });
  const config = { ...elsewhere.results.config, data: join(root, 'gone') };
  expect(sweepTests([{ ...elsewhere, results: { ...elsewhere.results, config } }])).toEqual([]);
});

import type { Results } from '@sdq/core/results';
import { expect, it } from 'vitest';
import { resolveRunConfig } from '../../pipeline/src/config/run-config.ts';
import { reportPage } from './report.ts';

const scores = { en: 0.9, de: 0.8 };
const range = { low: 0.7, high: 0.95 };
const intervals = { en: range, de: range };
const same = { difference: 0, p: 1, adjustedP: 1, verdict: 'same' } as const;
const lost = { difference: -0.1, p: 0.001, adjustedP: 0.002, verdict: 'lost' } as const;
const gap = { best: 'en', worst: 'de', gap: 0.1 };

const results: Results = {
  task: 'NC',
  metric: 'accuracy',
  scores: { fp32: scores, 'ptq-min-max': { en: 0.9, de: 0.7 }, ptq: { en: 0.9, de: 0.7 } },
  ptq: { best: 'ptq-min-max', distances: { 'ptq-min-max': 0.5 } },
  average: { fp32: 0.85, 'ptq-min-max': 0.8, ptq: 0.8 },
  averageZeroShot: { fp32: 0.8, 'ptq-min-max': 0.7, ptq: 0.7 },
  intervals: { fp32: intervals, 'ptq-min-max': intervals },
  changes: { 'ptq-min-max': { en: same, de: lost } },
  fairness: { fp32: gap, 'ptq-min-max': gap, ptq: gap },
  majority: { en: 0.3, de: 0.79 },
  examples: { en: 1000, de: 50 },
  remarks: ['A line was empty.'],
  cut: { en: 0, de: 3 },
  unofficialLanguages: [],
  bytes: { fp32: 4_000_000, 'ptq-min-max': 1_000_000 },
  finish: { ptq: { largestDifference: 1, largestLogit: 2, samePredictions: 0.5, equal: false } },
  trainTokensPerSecond: 1234.5,
  peakMemoryBytes: 2e9,
  seconds: 70,
  stageSeconds: { teacher: 60, ptq: 10 },
  backend: 'cpu',
  machine: 'a machine',
  versions: { sdq: '0.0.0' },
  config: resolveRunConfig({ task: 'NC', data: 'xglue', model: 'e5', out: "runs/it's", devLimit: 1000 }),
};

it('says what the student on disk is worth, whichever method made it', () => {
  expect(reportPage(results)).toContain(
    'The quantized student, PTQ min-max, is 4.0 times smaller and scores 80.0 on average over 2 languages, where the fp32 teacher scores 85.0 (−5.00 points). It lost significantly in de.',
  );
  expect(reportPage(results)).toContain('<dt>languages lost significantly</dt><dd>1 of 2</dd>');
  expect(reportPage(results)).toContain('<dt>points in de, the largest loss</dt><dd>−10.00</dd>');
  const better = { ...results, changes: { 'ptq-min-max': { en: same, de: same } } };
  expect(reportPage(better)).toContain('No language lost significantly.');
});

it('gives the intervals and tests of the averages, and withdraws those of an older run', () => {
  const whole = {
    ...results,
    averageIntervals: { fp32: range, 'ptq-min-max': { low: 0.71, high: 0.86 } },
    averageChanges: { 'ptq-min-max': { difference: -0.05, p: 0.02 } },
  };
  expect(reportPage(whole)).toContain('fp32 teacher 70.0 to 95.0; PTQ min-max 71.0 to 86.0.');
  expect(reportPage(whole).replaceAll(/<[^>]+>/g, ' ')).toMatch(/average\s+−5\.00\s+0?\.02/);
  expect(reportPage(whole)).not.toContain('withdrawn');
  expect(reportPage(results)).toContain('they are withdrawn');
});

it('warns in words', () => {
  const warnings = [...reportPage(results).matchAll(/<p class="warning">(.*)<\/p>/g)].map(([, text]) => text);
  expect(warnings).toEqual([
    'Each language was scored on its first 1000 dev examples at most.',
    '1 language has fewer than 200 dev examples (the fewest: 50), where one example moves the score by 2.0 points.',
    'In de the fp32 teacher is hardly better than always guessing the most frequent label: there is nothing to keep.',
    'PTQ min-max lost significantly in de.',
    'The finished integer model of PTQ is not the model that was trained: 50.0 % of its predictions are the same.',
    '3 dev examples were longer than 256 tokens: their ends were left out.',
  ]);
  expect(reportPage(results)).toContain('<li>A line was empty.</li>');
});

it('has the size by part where the run measured it, and the whole file always', () => {
  expect(reportPage(results)).toContain(
    '<td>the whole file</td><td>4.0 MB</td><td>1.0 MB</td><td>25.0 %</td>',
  );
  expect(reportPage(results)).not.toContain('<td>embeddings</td>');
  const fp32 = { embeddings: 3_000_000, layers: 900_000, head: 50_000 };
  const ptq = { embeddings: 750_000, layers: 180_000, head: 50_000 };
  const page = reportPage({ ...results, bytesByPart: { fp32, 'ptq-min-max': ptq } });
  expect(page).toContain('<td>embeddings</td><td>3.0 MB</td><td>0.8 MB</td><td>25.0 %</td>');
  expect(page).toContain('<td>head</td><td>50.0 kB</td><td>50.0 kB</td><td>100.0 %</td>');
  expect(page).toContain('<td>layers</td><td>0.9 MB</td><td>0.2 MB</td><td>20.0 %</td>');
});

it('has a training speed only where something was trained', () => {
  expect(reportPage(results)).toContain('1,235 tokens/s');
  expect(reportPage({ ...results, trainTokensPerSecond: null })).not.toMatch(/training speed|NaN/);
});

it('says which languages were trained on where the run tells, and which losses in every label', () => {
  expect(reportPage(results)).not.toMatch(/English|Fine-tuned on/);
  const sentence = 'Fine-tuned on English alone: every other language is zero-shot.';
  expect(reportPage({ ...results, trainLanguages: ['en'] })).toContain(sentence);
  const given = { ...results.config, teacher: 'elsewhere' };
  const page = reportPage({ ...results, trainLanguages: ['en'], config: given });
  expect(page).not.toContain(sentence);
  expect(page).toContain('which languages it was fine-tuned on is not recorded');
  expect(page).toContain('<td>without en</td>');
  const config = {
    ...results.config,
    distillation: { ...results.config.distillation, losses: { 'hidden-mse': 1 } },
  };
  const distilled = reportPage({
    ...results,
    config,
    bytes: { fp32: 4e6, qnatSdq: 1e6 },
    scores: { fp32: scores, qnatSdq: scores },
    average: { fp32: 0.85, qnatSdq: 0.85 },
    fairness: { fp32: gap, qnatSdq: gap },
    changes: {},
    finish: { 'qnat-sdq': { largestDifference: 1, largestLogit: 2, samePredictions: 0.5, equal: false } },
  });
  expect(distilled).toContain('The quantized student, QNAT + SDQ (hidden-mse), is');
  expect(distilled).toContain('The finished integer model of QNAT + SDQ (hidden-mse) is');
  expect(distilled.replace(/<pre>.*?<\/pre>/gs, '')).not.toMatch(/Att-KLD|English/);
});

it('quotes the folder of the command that repeats the run', () => {
  expect(reportPage(results)).toContain(
    "sdq run --config 'runs/it'\\''s/config.json' --out 'runs/it'\\''s-again'",
  );
});

it('shows the error by layer and site where the run was analyzed, and else says how to', () => {
  expect(reportPage(results)).toContain("sdq analyze 'runs/it'\\''s'");
  const tensor = { mse: 0.1, sqnr: 12.3, cosine: 1 };
  const error = {
    site: 'encoder.layer.0.attention.self',
    part: 'attention',
    local: tensor,
    accumulated: tensor,
  } as const;
  const page = reportPage(results, {
    ...{ model: 'm', task: 'NC', plan: 'w8a8', languages: ['en'], tokens: 9 },
    errors: { ptq: [error] },
  });
  expect(page).not.toContain('sdq analyze');
  expect(page).toContain('After training by the plan w8a8; 9 tokens');
  expect(page.match(/>12\.3<\/text>/g)).toHaveLength(2);
});

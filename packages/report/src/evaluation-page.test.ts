import type { Evaluation } from '@sdq/core/results';
import { expect, it } from 'vitest';
import { evaluationPage, evaluationSentences } from './evaluation-page.ts';

const model = {
  model: 'runs/nc/student',
  quantized: true,
  scores: { en: 0.9 },
  average: 0.9,
  averageInterval: { low: 0.8, high: 1 },
  intervals: { en: { low: 0.8, high: 1 } },
  fairness: { best: 'en', worst: 'en', gap: 0 },
  cut: { en: 2 },
} as const;
const evaluation: Evaluation = {
  ...model,
  ...{ task: 'NC', metric: 'accuracy', split: 'dev', maxLength: 64, examples: { en: 100 } },
  ...{ unofficialLanguages: [], remarks: [] },
};

it('names the precision that the models tell, and claims none where they do not', () => {
  const lead = (parts: object) =>
    /<p class="lead">(.*?)<\/p>/.exec(evaluationPage({ ...evaluation, ...parts }))![1];
  expect(lead({ precision: 'weights in 4 bits, inputs of 3 layers in 8 bits' })).toBe(
    'runs/nc/student (weights in 4 bits, inputs of 3 layers in 8 bits)',
  );
  expect(lead({})).toBe('runs/nc/student (quantized)');
  expect(lead({ quantized: false })).toBe('runs/nc/student (in floats)');
});

it('says at how many tokens texts were cut', () => {
  expect(evaluationSentences(evaluation)).toContain(
    '2 examples were longer than 64 tokens: their ends were left out.',
  );
});

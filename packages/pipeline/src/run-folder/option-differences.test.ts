import { expect, it } from 'vitest';
import { differencesText, optionDifferences } from './option-differences.ts';

it('names the options that differ, also in groups, and their values', () => {
  const before = { seed: 0, plan: 'w8a8', quantized: { epochs: 1, learningRate: 0.1 }, languages: ['en'] };
  const now = {
    ...{ seed: 0, plan: [{ match: '**', weight: 'int4-per-channel' }], trainLimit: undefined },
    ...{ quantized: { epochs: 1, learningRate: 0.2 }, languages: ['en'], devLimit: 3 },
  };
  const differences = optionDifferences(before, now);
  expect(differences.map(({ option }) => option)).toEqual(['plan', 'quantized.learningRate', 'devLimit']);
  expect(differencesText(differences)).toBe(
    'plan was "w8a8" and is [{"match":"**","weight":"int4-per-channel"}], ' +
      'quantized.learningRate was 0.1 and is 0.2, devLimit was not given and is 3',
  );
  expect(optionDifferences(now, now)).toEqual([]);
});

it('has a bounded length', () => {
  const options = (value: string) =>
    Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`option${i}`, value.repeat(1000)]));
  const text = differencesText(optionDifferences(options('a'), options('b')));
  expect(text.length).toBeLessThan(1000);
  expect(text).toMatch(/and 35 more options differ$/);
});

import { type Example, tally } from '@sdq/xglue';
import { describe, expect, it } from 'vitest';
import {
  averageInterval,
  compareAverage,
  compareLanguages,
  fairness,
  languageIntervals,
} from './comparison.ts';

const gold: Example[] = Array.from({ length: 200 }, (_, i) => ({
  kind: 'text',
  texts: [`${i}`],
  label: '1',
}));

/** A system that is wrong on the first so many examples. */
const system = (wrong: number) =>
  tally(
    'QAM',
    gold,
    gold.map((_, i) => (i < wrong ? '0' : '1')),
  );

describe('compareLanguages', () => {
  const before = { en: system(20), de: system(20), fr: system(40) };
  const after = { en: system(20), de: system(60), fr: system(10) };

  it('says which languages lost and gained', () => {
    const changes = compareLanguages(before, after);
    expect(changes.de).toMatchObject({ difference: expect.closeTo(-0.2, 12), verdict: 'lost' });
    expect(changes.fr).toMatchObject({ difference: expect.closeTo(0.15, 12), verdict: 'gained' });
    expect(changes.en).toEqual({ difference: 0, p: 1, adjustedP: 1, verdict: 'same' });
  });

  it('asks for more where many languages are tested', () => {
    // 7 differences one way: p = 2 / 2^7, below .05 in one language alone, above it as the least of ten.
    const alone = compareLanguages({ en: system(0) }, { en: system(7) });
    expect(alone.en!.p).toBeCloseTo(2 / 128, 2);
    expect(alone.en!.verdict).toBe('lost');
    const codes = ['en', 'ar', 'bg', 'de', 'el', 'es', 'fr', 'hi', 'ru', 'sw'];
    const many = (wrong: number) =>
      Object.fromEntries(codes.map((code) => [code, system(code === 'en' ? wrong : 0)]));
    const { p, adjustedP, verdict } = compareLanguages(many(0), many(7)).en!;
    expect(p).toBe(alone.en!.p);
    expect(adjustedP).toBeCloseTo(10 * p, 12);
    expect(verdict).toBe('same');
  });
});

it('puts an interval round each score', () => {
  const { en } = languageIntervals({ en: system(40) });
  expect(en!.low).toBeCloseTo(0.8 - 1.96 * Math.sqrt(0.16 / 200), 1);
  expect(en!.high).toBeCloseTo(0.8 + 1.96 * Math.sqrt(0.16 / 200), 1);
});

it('takes an example and its translations for one in the average', () => {
  const languages = (wrong: number) =>
    Object.fromEntries(['en', 'de', 'fr'].map((code) => [code, xnli(wrong)]));
  const xnli = (wrong: number) =>
    tally(
      'XNLI',
      gold,
      gold.map((_, i) => (i < wrong ? '0' : '1')),
    );
  const { difference, p } = compareAverage(languages(0), languages(5));
  expect(difference).toBeCloseTo(-5 / 200, 12);
  // 5 differences one way, however often they are translated: 2 / 2^5.
  expect(p).toBeCloseTo(2 / 2 ** 5, 2);
  const one = languageIntervals(languages(5)).en!;
  expect(averageInterval(languages(5)).low).toBeCloseTo(one.low, 12);
  expect(averageInterval(languages(0)).low).toBeLessThan(0.99);
});

it('names the best and the worst language', () => {
  expect(fairness({ de: 0.5, en: 0.75, zh: 0.25 })).toEqual({ best: 'en', worst: 'zh', gap: 0.5 });
});

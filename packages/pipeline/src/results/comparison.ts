import type { Fairness, LanguageChange, LanguageScores, Range95 } from '@sdq/core/results';
import {
  confidenceInterval,
  holm,
  meanConfidenceInterval,
  type PairedTest,
  pairedMeanTest,
  pairedTest,
  type Tally,
} from '@sdq/xglue';
import { mapValues } from './map-values.ts';

/** What each example adds to the score, by language. */
export type LanguageTallies = Readonly<Record<string, Tally>>;

const SIGNIFICANCE_LEVEL = 0.05;
// Leaves a p of .05 an error of .002, and a smallest p of .0001.
const TEST_SAMPLES = 10_000;

/** The interval of each language's score. */
export function languageIntervals(tallies: LanguageTallies): Record<string, Range95> {
  return mapValues(tallies, (tally) => {
    const { low, high } = confidenceInterval(tally);
    return { low, high };
  });
}

/** The interval of the mean over the languages. */
export function averageInterval(tallies: LanguageTallies): Range95 {
  const { low, high } = meanConfidenceInterval(Object.values(tallies));
  return { low, high };
}

/**
 * Tests the change of the mean over the languages that both have, where an example and its translations are one unit.
 *
 * @throws SdqError `bad-shape` when the two are not of the same examples
 */
export function compareAverage(before: LanguageTallies, after: LanguageTallies): PairedTest {
  const languages = Object.keys(after).filter((language) => language in before);
  return pairedMeanTest(
    languages.map((language) => [[after[language]!, before[language]!] as const]),
    { samples: TEST_SAMPLES },
  );
}

/**
 * Tests each language's change by approximate randomisation (Noreen 1989), and adjusts the p values for the number of
 * languages by Holm's method.
 *
 * @throws SdqError `bad-shape` when the two are not of the same examples
 */
export function compareLanguages(
  before: LanguageTallies,
  after: LanguageTallies,
): Record<string, LanguageChange> {
  const languages = Object.keys(after).filter((language) => language in before);
  const tests = languages.map((language) =>
    pairedTest(after[language]!, before[language]!, { samples: TEST_SAMPLES }),
  );
  const adjusted = holm(tests.map(({ p }) => p));
  return Object.fromEntries(
    languages.map((language, i) => {
      const { difference, p } = tests[i]!;
      const adjustedP = adjusted[i]!;
      const significant = adjustedP < SIGNIFICANCE_LEVEL;
      const verdict = !significant ? 'same' : difference < 0 ? 'lost' : 'gained';
      return [language, { difference, p, adjustedP, verdict }];
    }),
  );
}

/**
 * The languages with the highest and the lowest score, and the gap between them.
 *
 * @example
 * ```ts
 * import { fairness } from '@sdq/pipeline';
 *
 * fairness({ en: 0.75, de: 0.5, zh: 0.25 }); // { best: 'en', worst: 'zh', gap: 0.5 }
 * ```
 */
export function fairness(scores: LanguageScores): Fairness {
  const ranked = Object.keys(scores).sort((a, b) => scores[b]! - scores[a]!);
  const [best, worst] = [ranked[0]!, ranked.at(-1)!];
  return { best, worst, gap: scores[best]! - scores[worst]! };
}

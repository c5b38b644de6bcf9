/** A range that holds the score in truth, with 95 % confidence. */
export interface Range95 {
  readonly low: number;
  readonly high: number;
}

/** How a language's score changed between two models. */
export interface LanguageChange {
  /** The score after less the score before. */
  readonly difference: number;
  /** Of the paired test in this language alone, in (0, 1]. */
  readonly p: number;
  /** The same, adjusted for the number of languages. */
  readonly adjustedP: number;
  /** Whether the adjusted p is below .05, and which way the score went. */
  readonly verdict: 'lost' | 'gained' | 'same';
}

/** How even a model is over its languages. */
export interface Fairness {
  readonly best: string;
  readonly worst: string;
  /** The score of the best language less that of the worst. */
  readonly gap: number;
}

/** The languages with a verdict. */
export function languagesThat(
  verdict: LanguageChange['verdict'],
  changes: Readonly<Record<string, LanguageChange>>,
): string[] {
  return Object.keys(changes).filter((language) => changes[language]!.verdict === verdict);
}

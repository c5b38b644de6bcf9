import { splitWords } from './python-text.ts';

/** What Unicode calls punctuation, and the ASCII signs that Python's `string.punctuation` adds. */
const PUNCTUATION = /[\p{P}$+<=>^`|~]/u;
const ALL_PUNCTUATION = new RegExp(PUNCTUATION, 'gu');
const HAN = /[\u4e00-\u9fa5]/;

/** A whole word, where word characters are letters, numbers and the underscore of any script. */
const words = (alternatives: string): RegExp =>
  new RegExp(`(?<![\\p{L}\\p{N}_])(?:${alternatives})(?![\\p{L}\\p{N}_])`, 'gu');

const ARTICLES: Readonly<Record<string, RegExp>> = {
  en: words('a|an|the'),
  es: words('un|una|unos|unas|el|la|los|las'),
  vi: words('của|là|cái|chiếc|những'),
  de: words('ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des'),
  ar: /ال/g,
};

/**
 * The overlap of a predicted answer with the best of the right ones, as F1 over tokens: lower-cased, without
 * punctuation and the language's articles, Chinese by character (Lewis et al., 2020, "MLQA: Evaluating
 * Cross-lingual Extractive Question Answering", and its evaluation script).
 *
 * @param language a code; languages without a rule of their own are split at white space
 * @returns a number in [0, 1]
 *
 * @example
 * ```ts
 * import { answerF1 } from '@sdq/xglue';
 *
 * answerF1('the old town', ['Old Town of Bern'], 'en'); // 2/3
 * ```
 */
export function answerF1(prediction: string, answers: readonly string[], language: string): number {
  const predicted = answerTokens(prediction, language);
  return Math.max(0, ...answers.map((answer) => overlap(predicted, answerTokens(answer, language))));
}

/**
 * 1 if a predicted answer equals one of the right ones after the same normalisation as `answerF1`, else 0.
 *
 * @example
 * ```ts
 * import { answerExactMatch } from '@sdq/xglue';
 *
 * answerExactMatch('The Alps.', ['Alps'], 'en'); // 1
 * ```
 */
export function answerExactMatch(prediction: string, answers: readonly string[], language: string): number {
  const predicted = answerTokens(prediction, language).join(' ');
  return answers.some((answer) => answerTokens(answer, language).join(' ') === predicted) ? 1 : 0;
}

function answerTokens(text: string, language: string): string[] {
  const bare = text.toLowerCase().replace(ALL_PUNCTUATION, '');
  const article = ARTICLES[language];
  const kept = article === undefined ? bare : bare.replace(article, ' ');
  return language === 'zh' ? splitMixed(kept) : splitWords(kept);
}

/** Each Chinese character is a token; between them white space divides. */
function splitMixed(text: string): string[] {
  const spaced = Array.from(text, (char) => (HAN.test(char) || PUNCTUATION.test(char) ? ` ${char} ` : char));
  return splitWords(spaced.join(''));
}

function overlap(predicted: readonly string[], right: readonly string[]): number {
  const left = new Map<string, number>();
  for (const token of right) left.set(token, (left.get(token) ?? 0) + 1);
  let same = 0;
  for (const token of predicted) {
    const count = left.get(token) ?? 0;
    if (count > 0) same += 1;
    left.set(token, count - 1);
  }
  if (same === 0) return 0;
  const precision = same / predicted.length;
  const recall = same / right.length;
  return (2 * precision * recall) / (precision + recall);
}

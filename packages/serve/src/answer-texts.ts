import { SdqError, type SdqErrorCode } from '@sdq/core';
import type { Classifier, EncodedExample, Head } from '@sdq/models';
import type { LoadedClassifier } from './load-classifier.ts';
import {
  type ExampleLogits,
  type ExternalClassifier,
  exampleLogits,
  requireFiniteLogits,
  rowArgMax,
} from './predict.ts';
import { type Answer, bestAnswers, bestSpans, spanWindows } from './spans.ts';

/** A text, a pair of texts, or a question and the context to answer it from. */
export type TextInput =
  | string
  | { readonly text: string; readonly pair: string }
  | { readonly question: string; readonly context: string };

/** The probability of each label, by its name; they sum to 1. */
export type LabelProbabilities = Readonly<Record<string, number>>;

/** What a model says of a text, by the kind of its head. */
export type TextAnswer = (
  | {
      readonly kind: 'sequence-classification';
      readonly label: string;
      readonly probabilities: LabelProbabilities;
    }
  | {
      readonly kind: 'token-classification';
      readonly words: readonly string[];
      /** One a word; empty for a word that was cut off. */
      readonly labels: readonly string[];
      /** One a word; null for a word that was cut off. */
      readonly probabilities: readonly (LabelProbabilities | null)[];
    }
  | {
      readonly kind: 'question-answering';
      /** The best answer, in the context's own words; empty where the context has none. */
      readonly answer: string;
      /** The best five, best first. */
      readonly answers: readonly ProbableAnswer[];
      /** Those of `answers`. */
      readonly probabilities: readonly number[];
    }
) & {
  /** Set where the text was longer than the model takes, and its end was left out. */
  readonly cut?: true;
};

/** An answer, and how probable it is. */
export interface ProbableAnswer extends Answer {
  /** The probability of its start times that of its end, each among the tokens of its window. */
  readonly probability: number;
}

/** Why a text has no answer: an {@link SdqError} as data. */
export interface TextError {
  readonly code: SdqErrorCode;
  readonly message: string;
}

/** An answer, or why there is none. */
export type TextResult = { readonly answer: TextAnswer } | { readonly error: TextError };

const N_BEST = 5;

/** What of a model decides how it takes texts. */
type EncodingModel = Pick<LoadedClassifier, 'tokenizer' | 'head' | 'maxLength'>;

/** A text as the model takes it, and how to read what the model says. */
interface EncodedText {
  /** One, or the windows of a question. */
  readonly examples: readonly EncodedExample[];
  /** @param found - by example */
  answer(found: readonly ExampleLogits[]): TextAnswer;
}

/**
 * What a model says of texts: a label, a tag for each word between spaces, or an answer. A text that the model cannot
 * answer has an error, which does not touch the others; one that is longer than the model takes is cut.
 *
 * A plain text for a model that answers questions is a question without a context; a pair for one that tags words is
 * tagged as one text.
 */
export async function answerTexts(
  model: EncodingModel & { readonly classify: Classifier | ExternalClassifier },
  inputs: readonly TextInput[],
): Promise<TextResult[]> {
  const encoded = inputs.map((input) => attempt(() => encode(model, requireInput(input))));
  const examples = encoded.flatMap((text) => ('error' in text ? [] : text.answer.examples));
  const found = new Array<ExampleLogits>(examples.length);
  for await (const one of exampleLogits(model.classify, examples)) found[one.example] = one;
  let from = 0;
  return encoded.map((text) => {
    if ('error' in text) return text;
    const own = found.slice(from, from + text.answer.examples.length);
    from += own.length;
    return attempt(() => {
      for (const { logits } of own) requireFiniteLogits(logits);
      return text.answer.answer(own);
    });
  });
}

/** What `make` gives; a text's error stays its own. */
function attempt<T>(make: () => T): { readonly answer: T } | { readonly error: TextError } {
  try {
    return { answer: make() };
  } catch (error) {
    const { code } = error instanceof SdqError ? error : { code: 'bad-data' as const };
    return { error: { code, message: (error as Error).message } };
  }
}

/** Texts come from callers that no compiler has checked. */
function requireInput(input: unknown): TextInput {
  const fields = typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
  const has = (...names: string[]) => names.every((name) => typeof fields[name] === 'string');
  if (typeof input === 'string' || has('text', 'pair') || has('question', 'context'))
    return input as TextInput;
  throw new SdqError(
    'bad-data',
    'A text is a string, { text, pair } or { question, context }: this is none of them.',
  );
}

function encode({ tokenizer, head, maxLength }: EncodingModel, input: TextInput): EncodedText {
  const labels = new Int32Array(0);
  switch (head.kind) {
    case 'question-answering': {
      const { question, context } = asQuestion(input);
      const example = { question, context, answers: [] };
      const examples = spanWindows(tokenizer, example, maxLength);
      return {
        examples,
        answer: (found) => ({ ...spanAnswer(context, examples, found), ...cutOf(examples) }),
      };
    }
    case 'token-classification': {
      const { text, pair } = asPair(input);
      const words = `${text} ${pair ?? ''}`.split(/\s+/u).filter((word) => word !== '');
      const example = { ...tokenizer.encodeWords(words, maxLength), labels };
      return {
        examples: [example],
        answer: ([found]) => ({
          ...wordsAnswer(head, words, example.firstPiece, found!),
          ...cutOf([example]),
        }),
      };
    }
    default: {
      const { text, pair } = asPair(input);
      const example = { ...tokenizer.encodeTyped(text, pair, maxLength), labels };
      return {
        examples: [example],
        answer: ([found]) => ({ ...labelAnswer(head, found!), ...cutOf([example]) }),
      };
    }
  }
}

function labelAnswer(head: Head, { logits, columns }: ExampleLogits) {
  const [best = 0] = rowArgMax(logits, columns);
  const probabilities = byLabel(head, softmax(logits));
  return { kind: 'sequence-classification', label: head.labels[best] ?? '', probabilities } as const;
}

function wordsAnswer(
  head: Head,
  words: readonly string[],
  firstPiece: Int32Array,
  { logits, columns }: ExampleLogits,
) {
  const best = rowArgMax(logits, columns);
  const labels = [...firstPiece].map((row) => (row < 0 ? '' : (head.labels[best[row]!] ?? '')));
  const probabilities = [...firstPiece].map((row) =>
    row < 0 ? null : byLabel(head, softmax(logits.subarray(row * columns, (row + 1) * columns))),
  );
  return { kind: 'token-classification', words, labels, probabilities } as const;
}

function spanAnswer(context: string, windows: readonly EncodedExample[], found: readonly ExampleLogits[]) {
  const spans = windows.map(({ window }, i) => {
    const { logits } = found[i]!;
    // The score of a span is the sum of two logits; these are what the softmax divides them by.
    const scale = [0, 1].reduce(
      (sum, column) => sum + logSumExp(logits.filter((_, at) => at % 2 === column)),
      0,
    );
    return bestSpans(logits, window!).map((span) => ({ ...span, probability: Math.exp(span.score - scale) }));
  });
  const answers: ProbableAnswer[] = bestAnswers(context, spans, N_BEST);
  const probabilities = answers.map(({ probability }) => probability);
  return { kind: 'question-answering', answer: answers[0]?.text ?? '', answers, probabilities } as const;
}

const cutOf = (examples: readonly EncodedExample[]): { readonly cut?: true } =>
  examples.some(({ cut }) => cut) ? { cut: true } : {};

function byLabel(head: Head, probabilities: readonly number[]): LabelProbabilities {
  return Object.fromEntries(head.labels.map((label, i) => [label, probabilities[i]!]));
}

function softmax(logits: Float32Array): number[] {
  const scale = logSumExp(logits);
  return [...logits].map((logit) => Math.exp(logit - scale));
}

function logSumExp(logits: Float32Array): number {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

function asQuestion(input: TextInput): { question: string; context: string } {
  if (typeof input === 'string') return { question: input, context: '' };
  return 'question' in input ? input : { question: input.text, context: input.pair };
}

function asPair(input: TextInput): { text: string; pair?: string } {
  if (typeof input === 'string') return { text: input };
  return 'question' in input ? { text: input.question, pair: input.context } : input;
}

import type { Head, Tokenizer } from '@sdq/models';
import type { LoadedClassifier } from './load-classifier.ts';
import { predictClasses, predictSpans } from './predict.ts';
import { type Answer, bestAnswers, spanWindows } from './spans.ts';

/** A text, a pair of texts, or a question and the context to answer it from. */
export type TextInput =
  | string
  | { readonly text: string; readonly pair: string }
  | { readonly question: string; readonly context: string };

/** What a model says of a text, by the kind of its head. */
export type TextAnswer =
  | { readonly kind: 'sequence-classification'; readonly label: string }
  | {
      readonly kind: 'token-classification';
      readonly words: readonly string[];
      /** One a word; empty for a word that was cut off. */
      readonly labels: readonly string[];
    }
  | {
      readonly kind: 'question-answering';
      /** The best answer, in the context's own words; empty where the context has none. */
      readonly answer: string;
      /** The best five, best first. */
      readonly answers: readonly Answer[];
    };

const MAX_LENGTH = 512;
const N_BEST = 5;

/**
 * What a model says of texts: a label, a tag for each word between spaces, or an answer.
 *
 * A plain text for a model that answers questions is a question without a context; a pair for one that tags words is
 * tagged as one text.
 */
export async function answerTexts(
  { classify, tokenizer, head }: Pick<LoadedClassifier, 'classify' | 'tokenizer' | 'head'>,
  inputs: readonly TextInput[],
): Promise<TextAnswer[]> {
  if (head.kind === 'question-answering') {
    const asked = inputs.map(asQuestion);
    const windows = asked.map(({ question, context }) =>
      spanWindows(tokenizer, { kind: 'span', id: '', question, context, answers: [] }, MAX_LENGTH),
    );
    const spans = await predictSpans(classify, windows.flat());
    let from = 0;
    return asked.map(({ context }, i) => {
      const own = spans.slice(from, from + windows[i]!.length);
      from += windows[i]!.length;
      const answers = bestAnswers(context, own, N_BEST);
      return { kind: 'question-answering', answer: answers[0]?.text ?? '', answers } as const;
    });
  }
  const texts = inputs.map(asPair);
  const words = texts.map(({ text, pair }) =>
    `${text} ${pair ?? ''}`.split(/\s+/u).filter((word) => word !== ''),
  );
  const classes = await predictClasses(
    classify,
    texts.map((text, i) => encode(tokenizer, head, text, words[i]!)),
  );
  return inputs.map((_, i) => {
    const labels = [...classes[i]!].map((index) => head.labels[index] ?? '');
    return head.kind === 'token-classification'
      ? { kind: 'token-classification', words: words[i]!, labels }
      : { kind: 'sequence-classification', label: labels[0]! };
  });
}

function encode(
  tokenizer: Tokenizer,
  head: Head,
  { text, pair }: { readonly text: string; readonly pair?: string | undefined },
  words: readonly string[],
) {
  const labels = new Int32Array(0);
  return head.kind === 'token-classification'
    ? { ...tokenizer.encodeWords(words, MAX_LENGTH), labels }
    : { ...tokenizer.encodeTyped(text, pair, MAX_LENGTH), labels };
}

function asQuestion(input: TextInput): { question: string; context: string } {
  if (typeof input === 'string') return { question: input, context: '' };
  return 'question' in input ? input : { question: input.text, context: input.pair };
}

function asPair(input: TextInput): { text: string; pair?: string } {
  if (typeof input === 'string') return { text: input };
  return 'question' in input ? { text: input.question, pair: input.context } : input;
}

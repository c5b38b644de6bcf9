import { z } from 'zod';
import type { AlignedText } from './aligned-text.ts';

/** Cuts a normalized text into the words that the model sees, each on its own. */
export type PreTokenizer = (text: AlignedText) => AlignedText[];

const stage = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('Metaspace'),
    replacement: z.string().length(1),
    add_prefix_space: z.boolean().optional(),
    prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
    split: z.boolean().nullish(),
  }),
  z.looseObject({ type: z.enum(['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit']) }),
  z.looseObject({ type: z.literal('Sequence'), pretokenizers: z.array(z.unknown()) }),
]);

/** Between white space, each punctuation mark on its own; ASCII's symbols are punctuation here. */
const BERT_WORDS = /[\p{P}$+<=>^`|~]|[^\p{P}$+<=>^`|~\p{White_Space}]+/gu;
const LETTERS = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;
const WORDS_AND_SYMBOLS = new RegExp(String.raw`[${LETTERS}]+|[^${LETTERS}\p{White_Space}]+`, 'gu');
const BETWEEN_WHITE_SPACE = /\P{White_Space}+/gu;

/**
 * The pre-tokenizer that a tokenizer.json describes.
 *
 * @throws Error or ZodError that says what is wrong, without a file name
 */
export function createPreTokenizer(json: unknown): PreTokenizer {
  if (json === null || json === undefined) return (text) => [text];
  const described = stage.parse(json);
  switch (described.type) {
    case 'Sequence': {
      const steps = described.pretokenizers.map(createPreTokenizer);
      return (text) => steps.reduce((parts, step) => parts.flatMap(step), [text]);
    }
    case 'Metaspace': {
      const { replacement, prepend_scheme: scheme, split } = described;
      if (described.add_prefix_space === false && scheme !== 'never')
        throw new Error(`Metaspace has add_prefix_space false beside the prepend_scheme "${scheme}"`);
      return metaspace(replacement, scheme, split ?? true);
    }
    case 'BertPreTokenizer':
      return matching(BERT_WORDS);
    case 'Whitespace':
      return matching(WORDS_AND_SYMBOLS);
    case 'WhitespaceSplit':
      return matching(BETWEEN_WHITE_SPACE);
  }
}

function metaspace(mark: string, scheme: 'always' | 'first' | 'never', split: boolean): PreTokenizer {
  return (spaced) => {
    const replaced = spaced.withUnits(spaced.text.replaceAll(' ', mark));
    const prepends = scheme === 'always' || (scheme === 'first' && spaced.origin === 0);
    const text = prepends && !replaced.text.startsWith(mark) ? replaced.prepend(mark) : replaced;
    if (!split) return [text];
    const words: AlignedText[] = [];
    for (let from = 0; from < text.text.length; ) {
      const next = text.text.indexOf(mark, from + 1);
      const to = next < 0 ? text.text.length : next;
      words.push(text.slice(from, to));
      from = to;
    }
    return words;
  };
}

function matching(expression: RegExp): PreTokenizer {
  return (text) =>
    Array.from(text.text.matchAll(expression), ({ 0: found, index }) =>
      text.slice(index, index + found.length),
    );
}

import { z } from 'zod';
import { AlignedText } from './aligned-text.ts';
import type { Normalizer } from './normalizer.ts';

const flag = z.boolean().default(false);

/** The entries of a tokenizer.json's `added_tokens`. */
export const addedTokensSchema = z
  .array(
    z.looseObject({
      id: z.int().min(0),
      content: z.string().min(1),
      single_word: flag,
      lstrip: flag,
      rstrip: flag,
      normalized: z.boolean().optional(),
      special: flag,
    }),
  )
  .default([]);

type AddedToken = z.infer<typeof addedTokensSchema>[number];

/** A part of a text: an added token, or what stands between two. */
export type TextPart =
  | { readonly kind: 'token'; readonly id: number; readonly start: number; readonly end: number }
  | { readonly kind: 'text'; readonly text: AlignedText };

const ENDS_WITH_LETTER = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const STARTS_WITH_LETTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** Finds the added tokens of a tokenizer.json in texts, by the rules of the Rust tokenizers library. */
export class AddedTokens {
  private readonly raw: TokenFinder;
  private readonly normalized: TokenFinder;

  constructor(
    tokens: readonly AddedToken[],
    private readonly normalize: Normalizer,
  ) {
    const isNormalized = ({ normalized, special }: AddedToken) => normalized ?? !special;
    const written = (token: AddedToken): [string, AddedToken] => [token.content, token];
    this.raw = new TokenFinder(tokens.filter((token) => !isNormalized(token)).map(written));
    this.normalized = new TokenFinder(
      tokens.filter(isNormalized).map((token) => [normalize(AlignedText.of(token.content)).text, token]),
    );
  }

  /**
   * The added tokens of a text and the normalized text between them: first those whose entry says that the text is not
   * to be normalized for them, then, in the normalized text between, the others.
   */
  split(text: string): TextPart[] {
    return this.raw
      .split(AlignedText.of(text))
      .flatMap((part) => (part.kind === 'token' ? [part] : this.normalized.split(this.normalize(part.text))));
  }
}

/** Finds tokens in a text, the longest at each place. */
class TokenFinder {
  private readonly tokens: ReadonlyMap<string, AddedToken>;
  private readonly expression: RegExp | undefined;

  constructor(entries: readonly (readonly [written: string, token: AddedToken])[]) {
    this.tokens = new Map(entries.filter(([written]) => written !== ''));
    const longestFirst = [...this.tokens.keys()].sort((a, b) => b.length - a.length);
    if (longestFirst.length > 0)
      this.expression = new RegExp(
        longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/gu, '\\$&')).join('|'),
        'gu',
      );
  }

  split(aligned: AlignedText): TextPart[] {
    const { text } = aligned;
    if (text === '') return [];
    const parts: TextPart[] = [];
    let done = 0;
    const addText = (to: number) => {
      if (done < to)
        parts.push({
          kind: 'text',
          text: done === 0 && to === text.length ? aligned : aligned.slice(done, to),
        });
    };
    for (const { 0: found, index } of this.expression ? text.matchAll(this.expression) : []) {
      const token = this.tokens.get(found)!;
      let from = index;
      let to = index + found.length;
      if (token.single_word && touchesWord(text, from, to)) continue;
      if (token.lstrip) while (from > done && isWhiteSpace(text[from - 1]!)) from--;
      if (token.rstrip) while (to < text.length && isWhiteSpace(text[to]!)) to++;
      addText(from);
      parts.push({
        kind: 'token',
        id: token.id,
        start: aligned.start(index),
        end: aligned.end(index + found.length - 1),
      });
      done = to;
    }
    addText(text.length);
    return parts;
  }
}

const touchesWord = (text: string, from: number, to: number): boolean =>
  ENDS_WITH_LETTER.test(text.slice(Math.max(0, from - 2), from)) ||
  STARTS_WITH_LETTER.test(text.slice(to, to + 2));

const isWhiteSpace = (unit: string): boolean => /\p{White_Space}/u.test(unit);

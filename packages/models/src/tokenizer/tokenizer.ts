import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { z } from 'zod';
import { readBoundedJson, TOKENIZER_FILE } from '../files/index.ts';
import { type SpecialTokenTemplate, specialTokenTemplate } from './special-token-template.ts';
import { TextPieces } from './text-pieces.ts';

// XLM-R's tokenizer.json has 17 MB.
const MAX_TOKENIZER_BYTES = 128 * 2 ** 20;
/**
 * Text beyond this many UTF-16 units is cut before it is tokenized, to bound the work on one input; 512 tokens
 * hold far less.
 */
const MAX_TEXT_LENGTH = 100_000;
/** What SQuAD's code allows a question. */
const MAX_QUESTION_PIECES = 64;

/** A sequence of token ids, special tokens included. */
export interface Encoding {
  /** [tokens] */
  readonly ids: Int32Array;
  /** [tokens], 0 or, for the second sequence of a model that tells them apart, 1. */
  readonly tokenTypes: Int32Array;
  /** Set where the text did not fit and its end was left out. */
  readonly cut?: true;
}

/** Words as token ids, with each word's place. */
export interface WordEncoding extends Encoding {
  /** [words], the index in `ids` of the word's first piece, -1 when the word was cut off. */
  readonly firstPiece: Int32Array;
}

/** A question and a part of its context as token ids. */
export interface WindowEncoding extends Encoding {
  /** The index in `ids` of the first piece of the context. */
  readonly contextRow: number;
  /** [pieces of the context in this window]: where each stands in the context, in UTF-16 units. */
  readonly starts: Int32Array;
  /** [pieces of the context in this window], after the last unit. */
  readonly ends: Int32Array;
}

/** Turns text into the token ids that a model was trained on. */
export class Tokenizer {
  /** The piece that is nothing but the space before a word. */
  private readonly spaceId: number | undefined;

  private constructor(
    private readonly texts: TextPieces,
    private readonly single: SpecialTokenTemplate,
    private readonly pair: SpecialTokenTemplate,
  ) {
    this.spaceId = texts.vocabulary.get('▁');
  }

  /** As {@link parseTokenizer}, with an error of any class that does not name the file. */
  static of(json: object): Tokenizer {
    const texts = new TextPieces(json);
    const processor = 'post_processor' in json ? json.post_processor : undefined;
    const template = (pair: boolean) => specialTokenTemplate(processor, texts.vocabulary, pair);
    return new Tokenizer(texts, template(false), template(true));
  }

  /** The piece of what the vocabulary cannot spell. */
  get unknownId(): number {
    return this.texts.unknownId;
  }

  /** The ids of all pieces, those of special tokens among them. */
  vocabulary(): ReadonlyMap<string, number> {
    return this.texts.vocabulary;
  }

  /**
   * The ids [tokens] of a text, or of a pair of texts, cut to `maxLength`: from the end of the longer text first.
   *
   * @throws SdqError 'bad-option' when `maxLength` leaves no room beside the special tokens
   */
  encode(text: string, pair: string | undefined, maxLength: number): Int32Array {
    return this.encodeTyped(text, pair, maxLength).ids;
  }

  /** As {@link Tokenizer.encode}, with token types, which a BERT of its own vocabulary needs for pairs. */
  encodeTyped(text: string, pair: string | undefined, maxLength: number): Encoding {
    const template = pair === undefined ? this.single : this.pair;
    const room = this.room(template, maxLength);
    const first = this.texts.ids(cut(text));
    const second = pair === undefined ? [] : this.texts.ids(cut(pair));
    const [kept, keptSecond] = longestFirst(first.length, second.length, room);
    const whole =
      kept === first.length && keptSecond === second.length && isWhole(text) && isWhole(pair ?? '');
    return { ...fill(template, first.slice(0, kept), second.slice(0, keptSecond)), ...cutUnless(whole) };
  }

  /**
   * The ids of words, each tokenized on its own, cut to `maxLength`; a word without a piece is the unknown token.
   *
   * A word's first piece is the first that holds text: where a vocabulary of the XLM-R kind starts a word with a bare
   * "▁", as it does nearly every Chinese and Thai word, that piece is passed over.
   */
  encodeWords(words: readonly string[], maxLength: number): WordEncoding {
    const template = this.single;
    const room = this.room(template, maxLength);
    const prefix = template.ids[0].length;
    const firstPiece = new Int32Array(words.length).fill(-1);
    const ids: number[] = [];
    let pieceCount = 0;
    let i = 0;
    for (; i < words.length && ids.length < room; i++) {
      const pieces = this.wordPieces(words[i]!);
      const first = ids.length + (pieces.length > 1 && pieces[0] === this.spaceId ? 1 : 0);
      if (first < room) firstPiece[i] = prefix + first;
      for (const id of pieces) if (ids.length < room) ids.push(id);
      pieceCount += pieces.length;
    }
    return { ...fill(template, ids, []), firstPiece, ...cutUnless(i === words.length && pieceCount <= room) };
  }

  /**
   * A question with each part of a context that fits beside it: windows of at most `maxLength` tokens, each sharing
   * `overlap` pieces of the context with the one before it, or half of what fits where that is less.
   *
   * A question is cut to 64 tokens, or to half of the room where that is less.
   *
   * Source: Devlin et al. 2019, "BERT", whose SQuAD code calls the step between windows the document stride.
   *
   * @returns at least one window, in the context's order
   * @throws SdqError 'bad-option' when `maxLength` leaves no room beside the special tokens
   */
  encodeWindows(question: string, context: string, maxLength: number, overlap: number): WindowEncoding[] {
    const template = this.pair;
    const room = this.room(template, maxLength);
    const asked = this.texts.ids(cut(question));
    const first = asked.slice(0, Math.min(MAX_QUESTION_PIECES, Math.floor(room / 2)));
    const whole = first.length === asked.length && isWhole(question) && isWhole(context);
    const { ids, starts, ends } = this.texts.placed(cut(context));
    const width = room - first.length;
    const step = Math.max(1, width - Math.min(overlap, Math.floor(width / 2)));
    const contextRow = template.ids[0].length + first.length + template.ids[1].length;
    const windows: WindowEncoding[] = [];
    for (let from = 0; from === 0 || from + width - step < ids.length; from += step) {
      const to = Math.min(ids.length, from + width);
      windows.push({
        ...fill(template, first, ids.slice(from, to)),
        contextRow,
        starts: Int32Array.from(starts.slice(from, to)),
        ends: Int32Array.from(ends.slice(from, to)),
        ...cutUnless(whole),
      });
    }
    return windows;
  }

  private room(template: SpecialTokenTemplate, maxLength: number): number {
    const special = template.ids.reduce((sum, part) => sum + part.length, 0);
    if (!Number.isInteger(maxLength) || maxLength <= special) {
      throw new SdqError(
        'bad-option',
        `maxLength is ${maxLength}, but the special tokens alone are ${special}.`,
      );
    }
    return maxLength - special;
  }

  private wordPieces(word: string): number[] {
    const ids = this.texts.ids(cut(word));
    return ids.length === 0 ? [this.unknownId] : ids;
  }
}

/**
 * Loads a folder's tokenizer.json.
 *
 * @throws SdqError 'path-not-found', or 'bad-checkpoint' when the file is not a usable tokenizer
 *
 * @example
 * ```ts
 * import { loadTokenizer } from '@sdq/models';
 *
 * const ids = async (folder: string) => (await loadTokenizer(folder)).encode('Hello world!', undefined, 128);
 * ```
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  return parseTokenizer(await readTokenizerJson(folder), join(folder, TOKENIZER_FILE));
}

/**
 * The tokenizer that the content of a tokenizer.json describes; it reads no files, so it works in browsers.
 *
 * @param source - the file's name, for errors
 * @throws SdqError 'bad-checkpoint' when it is not a usable tokenizer
 *
 * @example
 * ```ts
 * import { parseTokenizer } from '@sdq/models';
 *
 * const fetchTokenizer = async (url: string) => parseTokenizer(await (await fetch(url)).json(), url);
 * ```
 */
export function parseTokenizer(json: unknown, source: string): Tokenizer {
  const described = requireObject(json, source);
  try {
    return Tokenizer.of(described);
  } catch (error) {
    throw new SdqError('bad-checkpoint', `${source} is not a usable tokenizer: ${reasonOf(error)}.`, {
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof z.ZodError)) return error instanceof Error ? error.message : String(error);
  const { path, message } = error.issues[0]!;
  return `${path.length === 0 ? '' : `"${path.join('.')}": `}${message}`;
}

/**
 * What a folder's tokenizer.json says, unchecked.
 *
 * @throws SdqError 'path-not-found', or 'bad-checkpoint' when the file is too large or no JSON object
 */
export async function readTokenizerJson(folder: string): Promise<object> {
  const path = join(folder, TOKENIZER_FILE);
  return requireObject(await readBoundedJson(path, MAX_TOKENIZER_BYTES), path);
}

function requireObject(json: unknown, source: string): object {
  if (typeof json !== 'object' || json === null)
    throw new SdqError('bad-checkpoint', `${source} is not an object.`);
  return json;
}

/** How many pieces of each text stay when the longer one is cut first, as the Hugging Face library does. */
function longestFirst(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second];
  const half = Math.floor(room / 2);
  const shorter = Math.min(first, second, half);
  return first <= second ? [shorter, room - shorter] : [room - shorter, shorter];
}

function fill(template: SpecialTokenTemplate, first: readonly number[], second: readonly number[]): Encoding {
  const { ids, types, typeA, typeB } = template;
  return {
    ids: Int32Array.from([...ids[0], ...first, ...ids[1], ...second, ...ids[2]]),
    tokenTypes: Int32Array.from([
      ...types[0],
      ...first.map(() => typeA),
      ...types[1],
      ...second.map(() => typeB),
      ...types[2],
    ]),
  };
}

const isWhole = (text: string): boolean => text.length <= MAX_TEXT_LENGTH;

const cutUnless = (whole: boolean): { cut?: true } => (whole ? {} : { cut: true });

function cut(text: string): string {
  return isWhole(text) ? text : text.slice(0, MAX_TEXT_LENGTH);
}

import { join } from 'node:path';
import { Tokenizer as JsonTokenizer, RobertaProcessingPostProcessor } from '@huggingface/tokenizers';
import { SdqError } from '@sdq/core';
import { readBoundedJson } from './bounded-file.ts';
import { TOKENIZER_FILE } from './checkpoint.ts';
import { type PieceOffsets, pieceOffsets } from './piece-offsets.ts';

// XLM-R's tokenizer.json has 17 MB.
const MAX_TOKENIZER_BYTES = 128 * 2 ** 20;
/**
 * Text beyond this many UTF-16 units is cut before it is tokenized, to bound the work on one input; 512 tokens
 * hold far less.
 */
const MAX_TEXT_LENGTH = 100_000;
/** What SQuAD's code allows a question. */
const MAX_QUESTION_PIECES = 64;
/** Words remembered with their pieces; a treebank has some ten thousand different ones. */
const MAX_CACHED_WORDS = 500_000;

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
  /** [pieces of the context in this window], behind the last unit. */
  readonly ends: Int32Array;
}

/** The pieces of a word and where they stand in it. */
interface PlacedPieces extends PieceOffsets {
  readonly ids: readonly number[];
}

/** Special tokens around and between the sequences. */
interface Template {
  readonly ids: readonly [prefix: number[], middle: number[], suffix: number[]];
  readonly types: readonly [prefix: number[], middle: number[], suffix: number[]];
  readonly typeA: number;
  readonly typeB: number;
}

/** Turns text into the token ids that a model was trained on. */
export class Tokenizer {
  private readonly single: Template;
  private readonly pair: Template;
  private readonly words = new Map<string, Int32Array>();
  private readonly placed = new Map<string, PlacedPieces>();
  /** The piece that is nothing but the space before a word. */
  private readonly spaceId: number | undefined;
  /** Whether no piece reaches over a space, so that a text's pieces are those of its words. */
  private readonly splitsWords: boolean;

  /** @param source - the file's name, for errors */
  constructor(
    private readonly tokenizer: JsonTokenizer,
    readonly unknownId: number,
    source: string,
  ) {
    this.spaceId = tokenizer.token_to_id('▁');
    this.splitsWords =
      this.spaceId !== undefined &&
      [...tokenizer.get_vocab(false).keys()].every((piece) => !/.▁/u.test(piece));
    this.single = readTemplate(tokenizer, false, source);
    this.pair = readTemplate(tokenizer, true, source);
  }

  /** The ids of all pieces, those of special tokens among them. */
  vocabulary(): ReadonlyMap<string, number> {
    return this.tokenizer.get_vocab(true);
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
    const first = this.pieces(text);
    const second = pair === undefined ? [] : this.pieces(pair);
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
   * The context is tokenized word by word, so that each piece is known to stand somewhere in it. A question is cut to
   * 64 tokens, or to half of the room where that is less.
   *
   * Source: Devlin et al. 2019, "BERT", whose SQuAD code calls the step between windows the document stride.
   *
   * @returns at least one window, in the context's order
   * @throws SdqError 'bad-option' when `maxLength` leaves no room beside the special tokens
   */
  encodeWindows(question: string, context: string, maxLength: number, overlap: number): WindowEncoding[] {
    const template = this.pair;
    const room = this.room(template, maxLength);
    const asked = this.pieces(question);
    const first = asked.slice(0, Math.min(MAX_QUESTION_PIECES, Math.floor(room / 2)));
    const whole = first.length === asked.length && isWhole(question) && isWhole(context);
    const { ids, starts, ends } = this.placedPieces(cut(context));
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

  /** The pieces of a text, tokenized word by word, and where they stand in it. */
  private placedPieces(text: string): { ids: number[]; starts: number[]; ends: number[] } {
    const found = { ids: [] as number[], starts: [] as number[], ends: [] as number[] };
    for (const { 0: word, index } of text.matchAll(/\S+/gu)) {
      const { ids, starts, ends } = this.placedWord(word);
      for (let i = 0; i < ids.length; i++) {
        found.ids.push(ids[i]!);
        found.starts.push(index + starts[i]!);
        found.ends.push(index + ends[i]!);
      }
    }
    return found;
  }

  private placedWord(word: string): PlacedPieces {
    const known = this.placed.get(word);
    if (known !== undefined) return known;
    const { ids, tokens } = this.tokenizer.encode(word, { add_special_tokens: false });
    // Of a zero-width space at a word's end the normalizer makes a space, which in the whole text joins the next one.
    while (ids.length > 0 && ids.at(-1) === this.spaceId) {
      ids.pop();
      tokens.pop();
    }
    // Only a vocabulary without the bare space piece marks word pieces by "##".
    const pieces = this.spaceId === undefined ? tokens.map((token) => token.replace(/^##/, '')) : tokens;
    const placed = {
      ids,
      ...pieceOffsets(word, pieces, (part) => this.tokenizer.normalizer?.normalize(part) ?? part),
    };
    if (this.placed.size < MAX_CACHED_WORDS) this.placed.set(word, placed);
    return placed;
  }

  private room(template: Template, maxLength: number): number {
    const special = template.ids.reduce((sum, part) => sum + part.length, 0);
    if (!Number.isInteger(maxLength) || maxLength <= special) {
      throw new SdqError(
        'bad-option',
        `maxLength is ${maxLength}, but the special tokens alone are ${special}.`,
      );
    }
    return maxLength - special;
  }

  private pieces(text: string): number[] {
    if (!this.splitsWords || !isPlain(text)) {
      return this.tokenizer.encode(cut(text), { add_special_tokens: false }).ids;
    }
    const ids: number[] = [];
    for (const word of cut(text).split(' ')) for (const id of this.wordPieces(word)) ids.push(id);
    return ids;
  }

  private wordPieces(word: string): Int32Array {
    const known = this.words.get(word);
    if (known !== undefined) return known;
    const { ids } = this.tokenizer.encode(cut(word), { add_special_tokens: false });
    const pieces = Int32Array.from(ids.length === 0 ? [this.unknownId] : ids);
    if (this.words.size < MAX_CACHED_WORDS) this.words.set(word, pieces);
    return pieces;
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
  let tokenizer: JsonTokenizer;
  try {
    tokenizer = new JsonTokenizer(described, {});
  } catch (error) {
    throw new SdqError('bad-checkpoint', `${source} is not a usable tokenizer.`, { cause: error });
  }
  const unknownId = tokenizer.token_to_id('<unk>') ?? tokenizer.token_to_id('[UNK]');
  if (unknownId === undefined) throw new SdqError('bad-checkpoint', `${source} has no token <unk> or [UNK].`);
  return new Tokenizer(tokenizer, unknownId, source);
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

/** Asks the tokenizer's own post-processor where it puts special tokens, with a stand-in for each text. */
function readTemplate(tokenizer: JsonTokenizer, pair: boolean, source: string): Template {
  const [a, b] = ['\0a', '\0b'];
  const processor = tokenizer.post_processor;
  const processed = processor === null ? undefined : processor.post_process([a], pair ? [b] : null, true);
  const tokens = processed?.tokens ?? (pair ? [a, b] : [a]);
  // XLM-R has one token type; the library numbers the second text 1 here, as for RoBERTa's cousin BERT.
  const untyped = processor instanceof RobertaProcessingPostProcessor;
  const types = (untyped ? undefined : processed?.token_type_ids) ?? tokens.map(() => 0);
  const atA = tokens.indexOf(a);
  const atB = pair ? tokens.indexOf(b) : tokens.length;
  if (atA < 0 || atB < atA)
    throw new SdqError('bad-checkpoint', `${source} has a post-processor that is not usable.`);
  const id = (token: string) => {
    const found = tokenizer.token_to_id(token);
    if (found === undefined) throw new SdqError('bad-checkpoint', `${source} has no token "${token}".`);
    return found;
  };
  return {
    ids: [tokens.slice(0, atA).map(id), tokens.slice(atA + 1, atB).map(id), tokens.slice(atB + 1).map(id)],
    types: [types.slice(0, atA), types.slice(atA + 1, atB), types.slice(atB + 1)],
    typeA: types[atA] ?? 0,
    typeB: types[atB] ?? 0,
  };
}

function fill(template: Template, first: readonly number[], second: readonly number[]): Encoding {
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

/** Whether a text is words between single spaces that no normalizer of the XLM-R kind changes, nor special tokens. */
const isPlain = (text: string): boolean =>
  /^[\p{L}\p{M}\p{N}\p{P}]+(?: [\p{L}\p{N}\p{P}][\p{L}\p{M}\p{N}\p{P}]*)*$/u.test(text) &&
  text.normalize('NFKC') === text;

const isWhole = (text: string): boolean => text.length <= MAX_TEXT_LENGTH;

const cutUnless = (whole: boolean): { cut?: true } => (whole ? {} : { cut: true });

function cut(text: string): string {
  return isWhole(text) ? text : text.slice(0, MAX_TEXT_LENGTH);
}

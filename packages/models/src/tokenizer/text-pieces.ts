import { z } from 'zod';
import { AddedTokens, addedTokensSchema } from './added-tokens.ts';
import type { AlignedText } from './aligned-text.ts';
import { createNormalizer } from './normalizer.ts';
import { createPieceModel, type PieceModel, type WordPieces } from './piece-model.ts';
import { createPreTokenizer, type PreTokenizer } from './pre-tokenizer.ts';

/** Words remembered with their pieces; a treebank has some ten thousand different ones. */
const MAX_CACHED_WORDS = 500_000;
/** In UTF-16 units; a longer word, such as a sentence without spaces, hardly comes back. */
const MAX_CACHED_LENGTH = 64;

/** The pieces of a text and where each stands in it, in UTF-16 units. */
export interface PlacedPieces {
  readonly ids: number[];
  readonly starts: number[];
  /** Behind the last unit. */
  readonly ends: number[];
}

const fileSchema = z.looseObject({
  added_tokens: addedTokensSchema,
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  model: z.looseObject({}),
});

/**
 * The stages of a tokenizer.json that turn a text into pieces: added tokens are found, the text between them is
 * normalized and cut into words, and the model cuts each word into pieces.
 *
 * The model sees nothing but the word, so that the pieces of a word that was seen before are those of then, whatever
 * else stands in the text.
 */
export class TextPieces {
  /** The ids of all pieces, those of added tokens among them. */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly unknownId: number;
  private readonly addedTokens: AddedTokens;
  private readonly preTokenize: PreTokenizer;
  private readonly model: PieceModel;
  private readonly words = new Map<string, WordPieces>();

  /**
   * @param json - what tokenizer.json says
   * @throws Error or ZodError that says what is wrong, without the file's name
   */
  constructor(json: object) {
    const file = fileSchema.parse(json);
    this.model = createPieceModel(file.model);
    this.vocabulary = withAddedTokens(this.model, file.added_tokens);
    this.unknownId = this.model.unknownId;
    this.addedTokens = new AddedTokens(file.added_tokens, createNormalizer(file.normalizer));
    this.preTokenize = createPreTokenizer(file.pre_tokenizer);
  }

  /** The ids of a text's pieces. */
  ids(text: string): number[] {
    const ids: number[] = [];
    for (const part of this.addedTokens.split(wellFormed(text))) {
      if (part.kind === 'token') ids.push(part.id);
      else
        for (const word of this.preTokenize(part.text))
          for (const id of this.cut(word.text).ids) ids.push(id);
    }
    return ids;
  }

  /**
   * A text's pieces with their places, without the white space that they begin with; a piece that is nothing else is empty
   * and stands where the next one of its word starts.
   */
  placed(text: string): PlacedPieces {
    const found: PlacedPieces = { ids: [], starts: [], ends: [] };
    const add = (id: number, start: number, end: number) => {
      found.ids.push(id);
      found.starts.push(start);
      found.ends.push(end);
    };
    for (const part of this.addedTokens.split(wellFormed(text))) {
      if (part.kind === 'token') {
        add(part.id, part.start, part.end);
        continue;
      }
      for (const word of this.preTokenize(part.text)) {
        const { ids, starts, ends } = this.cut(word.text);
        for (let i = 0; i < ids.length; i++) {
          const [start, end] = placeOf(word, starts[i]!, ends[i]!);
          add(ids[i]!, start, end);
        }
      }
    }
    return found;
  }

  private cut(word: string): WordPieces {
    const known = this.words.get(word);
    if (known !== undefined) return known;
    const pieces = this.model.cut(word);
    if (word.length <= MAX_CACHED_LENGTH && this.words.size < MAX_CACHED_WORDS) this.words.set(word, pieces);
    return pieces;
  }
}

function placeOf(word: AlignedText, from: number, to: number): [start: number, end: number] {
  let first = from;
  while (first < to && /[\s▁]/u.test(word.text[first]!)) first++;
  if (first < to) return [word.start(first), word.end(to - 1)];
  const at = to < word.text.length ? word.start(to) : word.end(to - 1);
  return [at, at];
}

/** With the ids of the added tokens, which must be those that the Rust tokenizers library gives them. */
function withAddedTokens(
  { vocabulary, size }: PieceModel,
  added: z.infer<typeof addedTokensSchema>,
): ReadonlyMap<string, number> {
  const all = new Map(vocabulary);
  let next = size;
  for (const { id, content } of added) {
    const expected = vocabulary.get(content) ?? next++;
    if (id !== expected)
      throw new Error(`its added token ${JSON.stringify(content)} has the id ${id} where ${expected} is due`);
    all.set(content, id);
  }
  return all;
}

/** Lone surrogates, which no text in UTF-8 has, as U+FFFD, which is as long. */
const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, '\ufffd');

import { Unigram } from '@huggingface/tokenizers';
import { z } from 'zod';

/** The pieces of a word and where each stands in it, in UTF-16 units. */
export interface WordPieces {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  /** Behind the last unit. */
  readonly ends: readonly number[];
}

/** Cuts words into the pieces of a vocabulary. */
export interface PieceModel {
  /** Each piece's id. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** The number of entries, which is more than that of pieces where one stands twice. */
  readonly size: number;
  readonly unknownId: number;
  /** The pieces of a word, which depend on nothing else. */
  cut(word: string): WordPieces;
}

const MAX_PIECES = 4_194_304;
const id = z.int().min(0).max(MAX_PIECES);

const unigramSchema = z.looseObject({
  unk_id: id,
  byte_fallback: z.boolean().default(false),
  vocab: z.custom<[string, number][]>(
    (vocab) =>
      Array.isArray(vocab) &&
      vocab.length <= MAX_PIECES &&
      vocab.every(
        (entry) => Array.isArray(entry) && typeof entry[0] === 'string' && Number.isFinite(entry[1]),
      ),
    'must be an array of pieces with their scores',
  ),
});

const wordPieceSchema = z.looseObject({
  unk_token: z.string(),
  continuing_subword_prefix: z.string().default('##'),
  max_input_chars_per_word: z.int().min(1).max(1000).default(100),
  vocab: z.custom<Record<string, number>>(
    (vocab) =>
      typeof vocab === 'object' &&
      vocab !== null &&
      Object.values(vocab).every((id) => Number.isInteger(id) && id >= 0 && id <= MAX_PIECES),
    'must be an object of pieces with their ids',
  ),
});

/**
 * The model that a tokenizer.json describes.
 *
 * @throws Error or ZodError that says what is wrong, without a file name
 */
export function createPieceModel(json: unknown): PieceModel {
  const type = pieceModelType(json);
  if (type === 'Unigram') return unigram(unigramSchema.parse(json));
  if (type === 'WordPiece') return wordPiece(wordPieceSchema.parse(json));
  throw new Error(`its model is of the kind ${type}, and only Unigram and WordPiece are supported`);
}

/** The kind of a tokenizer.json's model, which files of before 2021 do not name. */
export function pieceModelType(json: unknown): string {
  const { type, vocab, merges } = (json ?? {}) as Record<string, unknown>;
  if (typeof type === 'string') return type;
  if (merges !== undefined) return 'BPE';
  return Array.isArray(vocab) ? 'Unigram' : 'WordPiece';
}

/** Kudo 2018, "Subword Regularization", arXiv 1804.10959: the segmentation of the highest summed score. */
function unigram(described: z.infer<typeof unigramSchema>): PieceModel {
  const { vocab, unk_id: unknownId } = described;
  const unknown = vocab[unknownId];
  if (unknown === undefined) throw new Error(`its unk_id is ${unknownId} of ${vocab.length} pieces`);
  const model = new Unigram({ type: 'Unigram', unk_id: unknownId, vocab }, '');
  // The library gives the unknown piece, where a text spells it, the score of an unknown character.
  model.scores[unknownId] = unknown[1];
  const vocabulary = model.tokens_to_ids;
  const bytes = Array.from({ length: described.byte_fallback ? 256 : 0 }, (_, byte) =>
    vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
  const encoder = new TextEncoder();
  /** Of neighbouring unknown characters: their bytes where the vocabulary has them all, else the unknown piece. */
  const unknownPieces = (text: string): number[] => {
    if (bytes.length === 0 || vocabulary.has(text)) return [unknownId];
    const spelled = Array.from(encoder.encode(text), (byte) => bytes[byte]);
    return spelled.every((id) => id !== undefined) ? spelled : [unknownId];
  };
  return {
    vocabulary,
    size: vocab.length,
    unknownId,
    cut(word) {
      const list = new PieceList();
      let at = 0;
      let unknownFrom = 0;
      const addUnknown = () => {
        if (unknownFrom === at) return;
        for (const id of unknownPieces(word.slice(unknownFrom, at))) list.add(id, unknownFrom, at);
      };
      for (const piece of model.tokenize(word)) {
        const id = vocabulary.get(piece) ?? unknownId;
        if (id !== unknownId) {
          addUnknown();
          list.add(id, at, at + piece.length);
          unknownFrom = at + piece.length;
        }
        at += piece.length;
      }
      addUnknown();
      return list;
    },
  };
}

/** Wu et al. 2016, arXiv 1609.08144, as in BERT: the longest piece at each place, or the unknown piece for all. */
function wordPiece(described: z.infer<typeof wordPieceSchema>): PieceModel {
  const { continuing_subword_prefix: prefix, max_input_chars_per_word: most } = described;
  const vocabulary = new Map(Object.entries(described.vocab));
  const unknownId = vocabulary.get(described.unk_token);
  if (unknownId === undefined)
    throw new Error(`its unk_token ${described.unk_token} is not in the vocabulary`);
  return {
    vocabulary,
    size: vocabulary.size,
    unknownId,
    cut(word) {
      const list = new PieceList();
      if (word.length > most && [...word].length > most) return PieceList.of(unknownId, word);
      for (let from = 0; from < word.length; ) {
        const before = from === 0 ? '' : prefix;
        let to = word.length;
        let id = vocabulary.get(before + word.slice(from));
        while (id === undefined) {
          // Never between the two units of a character.
          to -= to - 2 >= from && word.codePointAt(to - 2)! > 0xffff ? 2 : 1;
          if (to <= from) return PieceList.of(unknownId, word);
          id = vocabulary.get(before + word.slice(from, to));
        }
        list.add(id, from, to);
        from = to;
      }
      return list;
    },
  };
}

class PieceList implements WordPieces {
  readonly ids: number[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  /** All of a word as one piece. */
  static of(id: number, word: string): WordPieces {
    return { ids: [id], starts: [0], ends: [word.length] };
  }

  add(id: number, start: number, end: number): void {
    this.ids.push(id);
    this.starts.push(start);
    this.ends.push(end);
  }
}

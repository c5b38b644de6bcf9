import { SdqError } from '@sdq/core';
import { z } from 'zod';
import { pieceModelType } from '../tokenizer/index.ts';

/** A tokenizer.json with fewer pieces. */
export interface TrimmedTokenizer {
  /** What tokenizer.json says now. */
  readonly json: unknown;
  /** [pieces that stay]: the id that each had before, ascending; its place is its id now. */
  readonly keptIds: Int32Array;
}

const MAX_PIECES = 4_194_304;
const id = z.int().min(0).max(MAX_PIECES);
const pair = z.tuple([z.string(), id]);

const processorSchema = z.looseObject({
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(id) })).optional(),
  sep: pair.optional(),
  cls: pair.optional(),
});

const fileSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id, content: z.string() })).default([]),
  padding: z.looseObject({ pad_id: id }).nullish(),
  post_processor: processorSchema.nullish(),
  model: z.preprocess(
    withType,
    z.discriminatedUnion('type', [
      z.looseObject({
        type: z.literal('Unigram'),
        vocab: z.array(z.tuple([z.string(), z.number()])).max(MAX_PIECES),
        unk_id: id.nullish(),
        byte_fallback: z.boolean().optional(),
      }),
      z.looseObject({
        type: z.literal('WordPiece'),
        vocab: z.record(z.string(), id),
        unk_token: z.string().nullish(),
      }),
    ]),
  ),
});

const BYTE_PIECE = /^<0x[0-9A-F]{2}>$/;

/** Files of before 2021 do not say of which kind their model is. */
function withType(model: unknown): unknown {
  return typeof model === 'object' && model !== null ? { ...model, type: pieceModelType(model) } : model;
}

/**
 * Takes pieces out of a tokenizer.json, and numbers those that stay anew in their old order.
 *
 * A text whose pieces all stay is cut into the same pieces as before: a Unigram model's best segmentation is still there
 * with fewer to compare with, and WordPiece's longest match at each place is still the longest. Special tokens, the unknown
 * piece, and all ids up to `lastFixed` stay, so that those keep their numbers. So do a Unigram model's piece of the lowest
 * score, which decides what an unknown character costs, and the pieces of single bytes where it falls back to them.
 *
 * @param json - what tokenizer.json says
 * @param keep - the ids to keep
 * @param lastFixed - the highest id that must keep its number: the padding id, from which XLM-R counts its positions
 * @param source - the file's name, for errors
 * @throws SdqError 'bad-checkpoint' when the file is of another kind: byte-pair merges need the pieces that they are made of
 *
 * @example
 * ```ts
 * import { trimTokenizer } from '@sdq/models';
 *
 * const json = {
 *   added_tokens: [{ id: 0, content: '<unk>' }],
 *   model: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0], ['▁a', -1], ['▁b', -2], ['▁c', -3]] },
 * };
 * [...trimTokenizer(json, new Set([3]), 0, 'tokenizer.json').keptIds]; // [0, 3]
 * ```
 */
export function trimTokenizer(
  json: unknown,
  keep: ReadonlySet<number>,
  lastFixed: number,
  source: string,
): TrimmedTokenizer {
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SdqError(
      'bad-checkpoint',
      `${source} cannot be trimmed: it needs a Unigram or WordPiece vocabulary, and "${issue!.path.join('.')}" says otherwise (${issue!.message}).`,
    );
  }
  const { added_tokens: added, model, padding, post_processor: processor } = parsed.data;
  const pieces = new Map<number, string>(
    model.type === 'Unigram'
      ? model.vocab.map(([piece], id) => [id, piece])
      : Object.entries(model.vocab).map(([piece, id]) => [id, piece]),
  );
  const fixed = new Set(added.map(({ id }) => id));
  for (const { id, content } of added) pieces.set(id, content);
  if (model.type === 'Unigram') for (const id of fixedUnigramPieces(model)) fixed.add(id);
  else if (model.unk_token != null && model.unk_token in model.vocab)
    fixed.add(model.vocab[model.unk_token]!);
  for (const id of keep) {
    if (!pieces.has(id)) throw new SdqError('bad-option', `${source} has no piece ${id} to keep.`);
  }
  const kept = [...pieces.keys()]
    .filter((id) => id <= lastFixed || fixed.has(id) || keep.has(id))
    .sort((a, b) => a - b);
  const now = new Map(kept.map((id, index) => [id, index]));
  const moved = (id: number): number => {
    const found = now.get(id);
    if (found === undefined)
      throw new SdqError('bad-checkpoint', `${source} names a token ${id} that it does not have.`);
    return found;
  };
  return {
    json: {
      ...parsed.data,
      added_tokens: added.map((token) => ({ ...token, id: moved(token.id) })),
      ...(padding && { padding: { ...padding, pad_id: moved(padding.pad_id) } }),
      ...(processor && { post_processor: movedProcessor(processor, moved) }),
      model: trimmedModel(model, now),
    },
    keptIds: Int32Array.from(kept),
  };
}

type Model = z.infer<typeof fileSchema>['model'];

function fixedUnigramPieces({ vocab, unk_id, byte_fallback }: Model & { type: 'Unigram' }): number[] {
  const lowest = vocab.reduce((lowest, [, score], id) => (score < vocab[lowest]![1] ? id : lowest), 0);
  const bytes = vocab.flatMap(([piece], id) => (byte_fallback && BYTE_PIECE.test(piece) ? [id] : []));
  return [unk_id ?? 0, lowest, ...bytes];
}

function trimmedModel(model: Model, now: ReadonlyMap<number, number>) {
  if (model.type === 'Unigram') {
    const vocab = model.vocab.filter((_, id) => now.has(id));
    return { ...model, vocab, ...(model.unk_id != null && { unk_id: now.get(model.unk_id)! }) };
  }
  const vocab = Object.entries(model.vocab)
    .filter(([, id]) => now.has(id))
    .map(([piece, id]) => [piece, now.get(id)!]);
  return { ...model, vocab: Object.fromEntries(vocab) };
}

function movedProcessor(processor: z.infer<typeof processorSchema>, moved: (id: number) => number) {
  const { special_tokens: special, sep, cls } = processor;
  return {
    ...processor,
    ...(special && {
      special_tokens: Object.fromEntries(
        Object.entries(special).map(([name, token]) => [name, { ...token, ids: token.ids.map(moved) }]),
      ),
    }),
    ...(sep && { sep: [sep[0], moved(sep[1])] }),
    ...(cls && { cls: [cls[0], moved(cls[1])] }),
  };
}

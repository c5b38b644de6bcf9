import { z } from 'zod';

/** The special tokens around and between the sequences of a model's input. */
export interface SpecialTokenTemplate {
  readonly ids: readonly [prefix: number[], middle: number[], suffix: number[]];
  readonly types: readonly [prefix: number[], middle: number[], suffix: number[]];
  /** The token type of the first text. */
  readonly typeA: number;
  /** The token type of the second text. */
  readonly typeB: number;
}

const id = z.int().min(0);
const type_id = z.int().min(0).max(1);
const items = z
  .array(
    z.union([
      z.object({ SpecialToken: z.object({ id: z.string(), type_id }) }),
      z.object({ Sequence: z.object({ id: z.enum(['A', 'B']), type_id }) }),
    ]),
  )
  .max(100);
const token = z.tuple([z.string(), id]);

const processorSchema = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('TemplateProcessing'),
    single: items,
    pair: items,
    special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(id).max(10) })),
  }),
  z.looseObject({ type: z.enum(['BertProcessing', 'RobertaProcessing']), sep: token, cls: token }),
]);

/** A token's id and type, or the place of a text and its type. */
type Item = readonly [what: number | 'A' | 'B', type: number];

/**
 * Where a tokenizer.json's post-processor puts special tokens around one text or two.
 *
 * @throws Error or ZodError that says what is wrong, without a file name
 */
export function specialTokenTemplate(
  json: unknown,
  vocabulary: ReadonlyMap<string, number>,
  pair: boolean,
): SpecialTokenTemplate {
  const found =
    json === null || json === undefined ? plain : itemsOf(processorSchema.parse(json), vocabulary);
  const row = pair ? found.pair : found.single;
  const atA = row.findIndex(([what]) => what === 'A');
  const atB = pair ? row.findIndex(([what]) => what === 'B') : row.length;
  const ids: number[] = [];
  for (const [what] of row) if (typeof what === 'number') ids.push(what);
  if (atA < 0 || atB < atA || ids.length !== row.length - (pair ? 2 : 1))
    throw new Error('its post-processor does not place each text once, in their order');
  const types = row.map(([, type]) => type);
  return {
    ids: [ids.slice(0, atA), ids.slice(atA, atB - 1), ids.slice(atB - 1)],
    types: [types.slice(0, atA), types.slice(atA + 1, atB), types.slice(atB + 1)],
    typeA: types[atA]!,
    typeB: types[atB] ?? 0,
  };
}

const plain: { readonly single: Item[]; readonly pair: Item[] } = {
  single: [['A', 0]],
  pair: [
    ['A', 0],
    ['B', 0],
  ],
};

function itemsOf(
  processor: z.infer<typeof processorSchema>,
  vocabulary: ReadonlyMap<string, number>,
): { single: Item[]; pair: Item[] } {
  if (processor.type === 'TemplateProcessing') {
    const { special_tokens: special, single, pair } = processor;
    const known = new Set(vocabulary.values());
    const read = (item: z.infer<typeof items>[number]): Item[] => {
      if ('Sequence' in item) return [[item.Sequence.id, item.Sequence.type_id]];
      const { id: name, type_id: type } = item.SpecialToken;
      const ids = Object.hasOwn(special, name) ? special[name]!.ids : undefined;
      if (ids === undefined) throw new Error(`its post-processor does not say what ${name} is`);
      const missing = ids.find((id) => !known.has(id));
      if (missing !== undefined)
        throw new Error(`its post-processor adds ${missing}, which is no piece's id`);
      return ids.map((id) => [id, type]);
    };
    return { single: single.flatMap(read), pair: pair.flatMap(read) };
  }
  const [cls, sep] = [processor.cls, processor.sep].map(([text, id]) => {
    if (vocabulary.get(text) !== id)
      throw new Error(`its post-processor calls ${id} "${text}", and its vocabulary does not`);
    return id;
  }) as [number, number];
  const single: Item[] = [
    [cls, 0],
    ['A', 0],
    [sep, 0],
  ];
  // XLM-R has one token type, as RoBERTa.
  const pair: Item[] =
    processor.type === 'BertProcessing'
      ? [...single, ['B', 1], [sep, 1]]
      : [...single, [sep, 0], ['B', 0], [sep, 0]];
  return { single, pair };
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type QuantizedRows, type Reporter, SdqError, yieldToEvents } from '@sdq/core';
import {
  type HostTensor,
  isQuantizedModel,
  loadCheckpoint,
  loadQuantizedModel,
  parseTokenizer,
  readTokenizerJson,
  saveModel,
  saveQuantizedModel,
  type Tokenizer,
  trimTokenizer,
  wordTable,
  writeFileAtomically,
} from '@sdq/models';
import { storedBytes } from '@sdq/quantizers';
import { readLines, strictly } from '@sdq/xglue';
import { neededPieces, type PieceUse } from './needed-pieces.ts';
import { scriptsOf } from './scripts.ts';

/** What to keep of a model's vocabulary. */
export interface TrimOptions {
  /** The folder of the model: a checkpoint, or a run's teacher or student. */
  readonly model: string;
  /** The languages that the model is to serve; every single character of their scripts stays. */
  readonly languages: readonly string[];
  /** Text files, a text a line; `{lg}` in a name stands for each of the languages that there is such a file of. */
  readonly corpus: readonly string[];
  /** Keep only so many pieces, those that the corpus needs most, where each language counts alike; all that occur, if absent. */
  readonly maxPieces?: number | undefined;
}

/** What a corpus says of a trimmed vocabulary. */
export interface TrimCoverage {
  /** The language, or the files' name where it names none. */
  readonly source: string;
  readonly lines: number;
  readonly tokens: number;
  /** The share of these tokens whose piece is gone: below the number of pieces that were to stay. */
  readonly lostShare: number;
  /**
   * The share of the tokens of every tenth line whose piece the other lines do not show and that is no single
   * character: an estimate of what other text of this kind loses.
   */
  readonly unseenShare: number;
}

/** What {@link trim} did. */
export interface TrimReport {
  readonly languages: readonly string[];
  readonly pieces: { readonly before: number; readonly after: number };
  /** Of the word-embedding table as it is stored. */
  readonly embeddingBytes: { readonly before: number; readonly after: number };
  readonly coverage: readonly TrimCoverage[];
}

/** Texts are not cut: what they hold is to stay. */
const MAX_TOKENS = 100_000;
const HELD_OUT = 10;
const LINES_PER_TURN = 500;

/**
 * Cuts the vocabulary of a model, fp32 or quantized, to the pieces that some languages need: those that occur in a
 * corpus, and every single character of the languages' scripts, so that new words can still be spelled.
 *
 * On text whose pieces all stay, the trimmed model gives the same outputs, bit for bit: the same segmentation looks up the
 * same rows. Other words are cut into other, shorter pieces.
 *
 * @param out - the folder to write, which must be there and empty
 * @throws SdqError `path-not-found` for a corpus that is not there; `empty-data` when it has no text; `bad-option` for a
 * language without a known script; as the loaders of `@sdq/models`
 */
export async function trim(options: TrimOptions, out: string, reporter: Reporter): Promise<TrimReport> {
  const scripts = scriptsOf(options.languages);
  const files = corpusFiles(options.corpus, options.languages);
  const source = join(options.model, 'tokenizer.json');
  const json = await readTokenizerJson(options.model);
  const tokenizer = parseTokenizer(json, source);
  const vocabulary = tokenizer.vocabulary();
  const characters = new Set<number>();
  for (const [piece, id] of vocabulary) if (scripts.test(piece)) characters.add(id);

  const counts = await countPieces(tokenizer, files, reporter);
  if ([...counts.values()].every(({ all }) => all.size === 0))
    throw new SdqError('empty-data', `The corpus ${options.corpus.join(', ')} holds no text.`);

  const { padId, table, save } = await openModel(options.model);
  const cut = (keep: ReadonlySet<number>) => trimTokenizer(json, keep, padId, source);
  const always = new Set(cut(new Set()).keptIds);
  const use = {
    counts: totalOf(counts, always),
    texts: new Map([...vocabulary].map(([text, id]) => [id, text])),
  };
  const keep = await piecesToKeep(use, characters, options.maxPieces ?? Number.POSITIVE_INFINITY, recount);
  const trimmed = cut(keep);
  const rows = selectRows(table, trimmed.keptIds, source);
  await save(out, rows, trimmed.keptIds.length);
  await writeFileAtomically(join(out, 'tokenizer.json'), JSON.stringify(trimmed.json));
  const kept = new Set(trimmed.keptIds);
  return {
    languages: options.languages,
    pieces: { before: vocabulary.size, after: trimmed.keptIds.length },
    embeddingBytes: { before: tableBytes(table), after: tableBytes(rows) },
    coverage: [...counts].map(([source, found]) => found.coverage(source, kept, characters)),
  };

  /** The use of the pieces, by their ids of before, once only some are there. */
  async function recount(kept: ReadonlySet<number>): Promise<Map<number, number>> {
    const { json, keptIds } = cut(kept);
    const found = totalOf(await countPieces(parseTokenizer(json, source), files, reporter));
    const before = [...found].map(([id, n]) => [keptIds[id]!, n] as const);
    return new Map(before.filter(([id]) => !always.has(id)));
  }
}

/** By how much the pieces become fewer before their use is counted again. */
const ROUND = 1.5;

/**
 * The pieces to keep. Without those that go, a text is cut into others, which are needed more then: so the most needed are
 * chosen in rounds, each of which counts anew with what the one before it left. Where there is room, the pieces that occur come
 * first, then the characters that do not.
 */
async function piecesToKeep(
  use: PieceUse,
  characters: ReadonlySet<number>,
  most: number,
  recount: (kept: ReadonlySet<number>) => Promise<Map<number, number>>,
): Promise<Set<number>> {
  const occurring = neededPieces(use, use.texts.size);
  if (occurring.size <= most) return new Set([...new Set([...occurring, ...characters])].slice(0, most));
  const rounds = Math.ceil(Math.log(occurring.size / most) / Math.log(ROUND));
  let { counts } = use;
  for (let round = 1; ; round++) {
    const size = Math.round(most * (occurring.size / most) ** (1 - round / rounds));
    const kept = neededPieces({ ...use, counts }, size);
    if (round === rounds) return kept;
    counts = await recount(kept);
  }
}

/** The sum over sources of each piece's share of the source's tokens: each language counts alike, however much text there is of it. */
function totalOf(
  counts: ReadonlyMap<string, PieceCounts>,
  without: ReadonlySet<number> = new Set(),
): Map<number, number> {
  const total = new Map<number, number>();
  for (const { all } of counts.values()) {
    const tokens = [...all.values()].reduce((sum, n) => sum + n, 0);
    for (const [id, n] of all) if (!without.has(id)) total.set(id, (total.get(id) ?? 0) + n / tokens);
  }
  return total;
}

/** How often each piece occurs in the texts of one source. */
class PieceCounts {
  readonly all = new Map<number, number>();
  private readonly heldOut = new Map<number, number>();
  private lines = 0;

  /** @param special - tokens that stand around every text, which do not count */
  constructor(private readonly special: ReadonlySet<number>) {}

  add(ids: Int32Array): void {
    const held = this.lines % HELD_OUT === 0;
    this.lines += 1;
    for (const id of ids) {
      if (this.special.has(id)) continue;
      this.all.set(id, (this.all.get(id) ?? 0) + 1);
      if (held) this.heldOut.set(id, (this.heldOut.get(id) ?? 0) + 1);
    }
  }

  coverage(source: string, kept: ReadonlySet<number>, characters: ReadonlySet<number>): TrimCoverage {
    const count = (counts: ReadonlyMap<number, number>, matches: (id: number, n: number) => boolean) =>
      [...counts].reduce((sum, [id, n]) => sum + (matches(id, n) ? n : 0), 0);
    const tokens = count(this.all, () => true);
    const unseen = count(this.heldOut, (id, n) => this.all.get(id) === n && !characters.has(id));
    return {
      source,
      lines: this.lines,
      tokens,
      lostShare: tokens === 0 ? 0 : count(this.all, (id) => !kept.has(id)) / tokens,
      unseenShare:
        tokens === 0
          ? 0
          : unseen /
            Math.max(
              1,
              count(this.heldOut, () => true),
            ),
    };
  }
}

async function countPieces(
  tokenizer: Tokenizer,
  files: readonly CorpusFile[],
  reporter: Reporter,
): Promise<Map<string, PieceCounts>> {
  const special = new Set(tokenizer.encode('', undefined, MAX_TOKENS));
  const counts = new Map<string, PieceCounts>();
  for (const { source, path } of files) {
    reporter.message(`Reading ${path} ...`);
    const found = counts.get(source) ?? new PieceCounts(special);
    counts.set(source, found);
    for (const { text, number } of readLines(path, strictly())) {
      if (text.trim() !== '') found.add(tokenizer.encode(text, undefined, MAX_TOKENS));
      if (number % LINES_PER_TURN === 0) await yieldToEvents();
    }
  }
  return counts;
}

/** A file of texts in a language. */
interface CorpusFile {
  /** The language, or the file's name. */
  readonly source: string;
  readonly path: string;
}

function corpusFiles(corpus: readonly string[], languages: readonly string[]): CorpusFile[] {
  return corpus.flatMap((name) => {
    if (!name.includes('{lg}')) return [{ source: name, path: name }];
    const found = languages
      .map((language) => ({ source: language, path: name.replaceAll('{lg}', language) }))
      .filter(({ path }) => existsSync(path));
    if (found.length > 0) return found;
    throw new SdqError('path-not-found', `There is no file ${name} for any of ${languages.join(', ')}.`);
  });
}

type Table = HostTensor | QuantizedRows;

/** A model's table, and how to save it with another one; the model's other tensors are held meanwhile. */
async function openModel(folder: string): Promise<{
  readonly padId: number;
  readonly table: Table;
  save(out: string, rows: Table, vocabularySize: number): Promise<void>;
}> {
  if (await isQuantizedModel(folder)) {
    const model = await loadQuantizedModel(folder);
    const { config, weights, floats } = model;
    const name = wordTable(config);
    const quantized = weights.get(name);
    return {
      padId: config.padId,
      table: quantized ?? floats.get(name)!,
      save: (out, rows, vocabularySize) =>
        saveQuantizedModel(out, {
          ...model,
          config: { ...config, vocabularySize },
          ...(quantized
            ? { weights: new Map([...weights, [name, rows as QuantizedRows]]) }
            : { floats: new Map([...floats, [name, rows as HostTensor]]) }),
        }),
    };
  }
  const { config, head, tensors } = await loadCheckpoint(folder);
  const name = wordTable(config);
  return {
    padId: config.padId,
    table: tensors.get(name)!,
    save: (out, rows, vocabularySize) =>
      saveModel(out, {
        config: { ...config, vocabularySize },
        head,
        tensors: new Map([...tensors, [name, rows as HostTensor]]),
        tokenizerFrom: undefined,
      }),
  };
}

/** The rows of a table by number, in the order given. */
function selectRows(table: Table, ids: Int32Array, source: string): Table {
  const [count, width] = table.shape as [number, number];
  const beyond = ids.find((id) => id >= count);
  if (beyond !== undefined) {
    throw new SdqError(
      'bad-checkpoint',
      `${source} has a piece ${beyond}, but the model only ${count} word embeddings.`,
    );
  }
  const pick = <T extends Float32Array | Int8Array | Uint8Array>(values: T, step: number): T => {
    const picked = new (values.constructor as new (length: number) => T)(ids.length * step);
    for (const [row, id] of ids.entries())
      picked.set(values.subarray(id * step, (id + 1) * step), row * step);
    return picked;
  };
  const shape = [ids.length, width] as const;
  if (!('scales' in table)) return { shape, data: pick(table.data, width) };
  const { values, scales, codebook } = table;
  return {
    ...table,
    shape,
    values: pick(values, width),
    scales: pick(scales, scales.length / count),
    ...(codebook && { codebook: { ...codebook, codes: pick(codebook.codes, width / codebook.blockSize) } }),
  };
}

function tableBytes(table: Table): number {
  if (!('scales' in table)) return table.data.byteLength;
  const { shape, bits, groupSize, codebook } = table;
  if (codebook) return codebook.codes.length + codebook.entries.length + 4;
  return storedBytes(shape, bits, groupSize === undefined ? 'channel' : { group: groupSize });
}

import { join } from 'node:path';
import { quoted, SdqError } from '@sdq/core';
import { type EncoderConfig, maxSequenceLength } from '../families/index.ts';
import { readBoundedJson, TOKENIZER_FILE } from '../files/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';

const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';
// It lists added tokens; those of mT5's size have 30 kB.
const MAX_CONFIG_BYTES = 16 * 2 ** 20;

/**
 * The most tokens that a text may have for the model in a folder, special tokens included: what the position table has
 * room for (for XLM-R without the rows up to that of padding), or `model_max_length` of tokenizer_config.json where that
 * is less.
 *
 * @throws SdqError 'bad-checkpoint' when tokenizer_config.json is there and no JSON
 *
 * @example
 * ```ts
 * import { readConfig, readMaxLength } from '@sdq/models';
 *
 * const longest = async (folder: string) => readMaxLength(folder, (await readConfig(folder)).config);
 * ```
 */
export async function readMaxLength(folder: string, config: EncoderConfig): Promise<number> {
  const positions = maxSequenceLength(config);
  const described = await readBoundedJson(join(folder, TOKENIZER_CONFIG_FILE), MAX_CONFIG_BYTES).catch(
    (error: unknown) => {
      if (error instanceof SdqError && error.code === 'path-not-found') return {};
      throw error;
    },
  );
  const { model_max_length: limit } = (described ?? {}) as { model_max_length?: unknown };
  // Where it is not known, the Hugging Face library writes 1e30.
  return typeof limit === 'number' && limit >= 1 ? Math.min(positions, Math.floor(limit)) : positions;
}

/**
 * Checks that the embedding table has a row for every token, so that no text fails in the middle of its use.
 *
 * @param folder - of the tokenizer, for the error
 * @throws SdqError 'bad-checkpoint' that names the token with the largest id
 *
 * @example
 * ```ts
 * import { loadTokenizer, readConfig, requireRows } from '@sdq/models';
 *
 * const check = async (folder: string) =>
 *   requireRows(await loadTokenizer(folder), (await readConfig(folder)).config, folder);
 * ```
 */
export function requireRows(tokenizer: Tokenizer, config: EncoderConfig, folder: string): void {
  let [largest, last] = [-1, ''];
  for (const [token, id] of tokenizer.vocabulary()) if (id > largest) [largest, last] = [id, token];
  if (largest < config.vocabularySize) return;
  throw new SdqError(
    'bad-checkpoint',
    `${join(folder, TOKENIZER_FILE)} gives ${quoted(last)} the id ${largest}, but the model's table has ${config.vocabularySize} rows: use the tokenizer that the model was trained with.`,
  );
}

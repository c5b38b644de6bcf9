import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { parseConfig } from '../families/config.ts';
import { parseTokenizer } from '../tokenizer/tokenizer.ts';
import { readMaxLength, requireRows } from './input-limits.ts';

const folder = temporaryFolder();

const config = (more: object) =>
  parseConfig(
    {
      ...{ hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 64 },
      ...{ model_type: 'xlm-roberta', vocab_size: 7, max_position_embeddings: 130, pad_token_id: 1 },
      ...more,
    },
    'config.json',
  ).config;

it.each([
  [undefined, 128],
  [{}, 128],
  [{ model_max_length: 64 }, 64],
  [{ model_max_length: 512 }, 128],
  [{ model_max_length: 1e30 }, 128],
  [{ model_max_length: null }, 128],
  [{ model_max_length: -1 }, 128],
  [[], 128],
])('the longest text of XLM-R with 130 positions and %j has %d tokens', async (described, length) => {
  if (described) await writeFile(join(folder.path, 'tokenizer_config.json'), JSON.stringify(described));
  expect(await readMaxLength(folder.path, config({}))).toBe(length);
});

it('the longest text of a BERT has a token for each position', async () => {
  expect(await readMaxLength(folder.path, config({ model_type: 'bert' }))).toBe(130);
  await writeFile(join(folder.path, 'tokenizer_config.json'), '{');
  await expect(readMaxLength(folder.path, config({}))).rejects.toMatchObject({ code: 'bad-checkpoint' });
});

it('a tokenizer with more ids than the table has rows is refused', () => {
  const pieces = ['<s>', '<pad>', '</s>', '<unk>', '▁a', '▁b'].map((piece) => [piece, 0]);
  const tokenizer = (extra: object[]) =>
    parseTokenizer(
      {
        version: '1.0',
        added_tokens: extra,
        ...{ normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null },
        model: { type: 'Unigram', unk_id: 3, vocab: pieces },
      },
      'tokenizer.json',
    );
  const added = (id: number) => ({
    ...{ id, content: '<extra>', special: true, single_word: false },
    ...{ lstrip: false, rstrip: false, normalized: false },
  });
  expect(() => requireRows(tokenizer([]), config({ vocab_size: 6 }), 'm')).not.toThrow();
  expect(() => requireRows(tokenizer([added(6)]), config({ vocab_size: 7 }), 'm')).not.toThrow();
  expect(() => requireRows(tokenizer([]), config({ vocab_size: 5 }), 'm')).toThrow(
    `m/tokenizer.json gives "▁b" the id 5, but the model's table has 5 rows`,
  );
  expect(() => requireRows(tokenizer([added(6)]), config({ vocab_size: 6 }), 'm')).toThrow(
    'gives "<extra>" the id 6',
  );
});

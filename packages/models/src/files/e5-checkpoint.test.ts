import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EncoderBatch, SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { corruptions } from '../../test/corrupt.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { DIRECTORY_START, tinyE5File } from '../../test/tiny-e5-file.ts';
import { storedE5Name } from '../families/e5-names.ts';
import { encode } from '../families/encoder.ts';
import { FloatOps } from '../families/float-ops.ts';
import { encoderShapes } from '../families/parameters.ts';
import { cachedDefaultCheckpoint } from '../hub/fetch-checkpoint.ts';
import { packEncodings } from '../packing/pack.ts';
import { loadTokenizer } from '../tokenizer/tokenizer.ts';
import { loadCheckpoint, readConfig } from './checkpoint.ts';
import { E5_FILE, loadE5Checkpoint } from './e5-checkpoint.ts';

const folder = temporaryFolder();
const target = () => join(folder.path, E5_FILE);

describe('loadE5Checkpoint', () => {
  it('decodes a block: low halves first, then high halves, minus 8, times the scale', async () => {
    await writeFile(target(), tinyE5File());
    const { config, tensors } = await loadE5Checkpoint(target());
    expect(config).toMatchObject({
      hiddenSize: 32,
      layers: 1,
      heads: 2,
      positions: 4,
      layerNormEpsilon: 1e-12,
    });
    // The tiny file's query weight has the scale 0.5 and the bytes 0x00, 0x11, ..., 0xff in every block.
    const halves = Array.from({ length: 16 }, (_, half) => (half - 8) * 0.5);
    const { shape, data } = tensors.get('encoder.layer.0.attention.self.query.weight')!;
    expect(shape).toEqual([32, 32]);
    for (let row = 0; row < 32; row++) {
      expect([...data.subarray(32 * row, 32 * (row + 1))]).toEqual([...halves, ...halves]);
    }
    expect(tensors.get('embeddings.LayerNorm.weight')?.data).toEqual(new Float32Array(32).fill(1));
  });

  it('knows a folder by the file in it', async () => {
    await writeFile(target(), tinyE5File());
    const { format, head, tensors, config } = await loadCheckpoint(folder.path);
    expect({ format, head }).toEqual({ format: 'e5-q4', head: undefined });
    expect([...tensors.keys()]).toEqual([...encoderShapes(config).keys()]);
    expect(await readConfig(folder.path)).toEqual({ config, head: undefined });
  });

  it('refuses a missing tensor, by both of its names', async () => {
    await writeFile(target(), tinyE5File({ without: 'l0.fi.w' }));
    await expect(loadE5Checkpoint(target())).rejects.toMatchObject({
      code: 'missing-tensor',
      message: expect.stringContaining('"l0.fi.w" (encoder.layer.0.intermediate.dense.weight)'),
    });
  });

  it('reads or refuses any corrupted file, without a crash or a large allocation', async () => {
    const whole = tinyE5File();
    let refused = 0;
    for (const span of [DIRECTORY_START, whole.length]) {
      for (const bytes of corruptions(whole, span, 300)) {
        await writeFile(target(), bytes);
        try {
          await loadE5Checkpoint(target());
        } catch (error) {
          expect(error).toBeInstanceOf(SdqError);
          refused += 1;
        }
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});

it('names every parameter', () => {
  expect(storedE5Name('embeddings.word_embeddings.weight')).toBe('emb.word');
  expect(storedE5Name('embeddings.LayerNorm.bias')).toBe('emb.ln.b');
  expect(storedE5Name('encoder.layer.11.attention.output.LayerNorm.weight')).toBe('l11.aln.w');
});

const cached = cachedDefaultCheckpoint();
const oracle = sharedOracle();
const lacks = cached === undefined ? ' (skipped: it is not in the cache)' : '';

describe.skipIf(cached === undefined)(`multilingual-e5-small${lacks}`, () => {
  const translations = [
    'query: The cat sleeps on the sofa.',
    'query: Stock markets fell sharply today.',
    'query: Die Katze schläft auf dem Sofa.',
    'query: 猫在沙发上睡觉。',
  ];
  let embeddings: Float32Array[];

  beforeAll(async () => {
    embeddings = await embed(cached!, [...translations, ...(oracle?.texts ?? [])]);
  });

  it('finds the translation of a sentence', () => {
    const [cat, market, ...others] = embeddings.slice(0, translations.length);
    for (const other of others) expect(dot(other, cat!)).toBeGreaterThan(dot(other, market!) + 0.05);
  });

  const alone = oracle === undefined ? ' (skipped: ../shared/tokenizer is missing)' : '';
  it.skipIf(oracle === undefined)(
    `gives the original's pooled sums, within the noise of 4 bits${alone}`,
    () => {
      const sums = embeddings.slice(translations.length).map((vector) => vector.reduce((a, b) => a + b));
      expect(sums.length).toBe(oracle!.sums.length);
      for (const [i, sum] of sums.entries()) expect(Math.abs(sum - oracle!.sums[i]!)).toBeLessThan(0.05);
    },
  );
});

/** What another library's tests say of the original model, where the shared data is there. */
function sharedOracle(): { readonly texts: readonly string[]; readonly sums: readonly number[] } | undefined {
  const path = new URL('../../../../../shared/tokenizer/oracles.json', import.meta.url);
  if (!existsSync(path)) return undefined;
  const { model } = JSON.parse(readFileSync(path, 'utf8')) as {
    model: { ckpt: string; texts: string[]; sum_of_L2norm_meanpool_embedding_no_prefix: number[] }[];
  };
  const found = model.find(({ ckpt }) => ckpt === 'intfloat/multilingual-e5-small');
  return found && { texts: found.texts, sums: found.sum_of_L2norm_meanpool_embedding_no_prefix };
}

/** Mean-pooled, normalised embeddings, computed with only the word rows that the texts need. */
async function embed(path: string, texts: readonly string[]): Promise<Float32Array[]> {
  await tf.setBackend('cpu');
  const tokenizer = await loadTokenizer(path);
  const { config, tensors } = await loadCheckpoint(path);
  const { ids, offsets } = packEncodings(texts.map((text) => tokenizer.encodeTyped(text, undefined, 64)));
  const words = tensors.get('embeddings.word_embeddings.weight')!.data;
  const used = [...new Set(ids)];
  const data = new Float32Array(used.length * config.hiddenSize);
  for (const [row, id] of used.entries()) {
    data.set(words.subarray(id * config.hiddenSize, (id + 1) * config.hiddenSize), row * config.hiddenSize);
  }
  tensors.set('embeddings.word_embeddings.weight', { shape: [used.length, config.hiddenSize], data });
  const parameters = new Map([...tensors].map(([name, t]) => [name, tf.tensor(t.data, [...t.shape])]));
  const batch: EncoderBatch = { ids: ids.map((id) => used.indexOf(id)), offsets };
  const hidden = tf.tidy(() => encode(new FloatOps(), config, parameters, batch));
  return texts.map((_, i) => {
    const start = offsets[i]!;
    const pooled = hidden.slice([start, 0], [offsets[i + 1]! - start, config.hiddenSize]).mean(0);
    return pooled.div(pooled.norm()).dataSync() as Float32Array;
  });
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

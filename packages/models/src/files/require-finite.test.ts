import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { loadCheckpoint } from './checkpoint.ts';
import { loadQuantizedModel } from './quantized-model.ts';
import { requireFinite } from './require-finite.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const oracles = new URL('../../test/oracles/', import.meta.url).pathname;
const folder = temporaryFolder();

describe('requireFinite', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'finds %d anywhere, and says where',
    (bad) => {
      for (const at of [0, 1, 65_535, 65_536, 70_001]) {
        const values = new Float32Array(70_002).fill(-0);
        expect(() => requireFinite(values, [35_001, 2], 'f', 'w')).not.toThrow();
        values[at] = bad;
        expect(() => requireFinite(values, [35_001, 2], 'f', 'w')).toThrow(
          `f: tensor "w" has a value that is not finite (${bad} at [${Math.floor(at / 2)}, ${at % 2}])`,
        );
      }
    },
  );

  it('counts them, and lets the largest floats pass', () => {
    expect(() => requireFinite(Float32Array.of(3.4e38, -3.4e38, 1e-45), [3], 'f', 'w')).not.toThrow();
    expect(() => requireFinite(Float32Array.of(1, NaN, Infinity), [3], 'f', 'w')).toThrow(
      'has 2 values that are not finite (NaN at [1])',
    );
    expect(() => requireFinite(Float32Array.of(), [0], 'f', 'w')).not.toThrow();
  });
});

/** A copy of a folder whose tensor `name` starts with these bytes. */
async function spoiled(original: string, name: string, bytes: readonly number[]): Promise<string> {
  const copy = join(folder.path, 'copy');
  await cp(join(oracles, original), copy, { recursive: true });
  const file = join(copy, 'model.safetensors');
  const { tensors } = await readSafetensorsHeader(file);
  const content = await readFile(file);
  content.set(bytes, tensors.get(name)!.offset);
  await writeFile(file, content);
  return copy;
}

const NAN = [0, 0, 0xc0, 0x7f];
const INFINITY = [0, 0, 0x80, 0xff];

describe('a checkpoint with a weight that is not finite', () => {
  it.each([
    ['bert.embeddings.word_embeddings.weight', NAN],
    ['bert.encoder.layer.1.output.LayerNorm.bias', INFINITY],
    ['classifier.bias', NAN],
  ])('is refused by the name of the tensor: %s', async (name, bytes) => {
    const copy = await spoiled('bert-sequence', name, bytes);
    await expect(loadCheckpoint(copy)).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringContaining(`${join(copy, 'model.safetensors')}: tensor "${name}"`),
    });
  });

  it.each([
    ['classifier.weight_scale', NAN],
    ['bert.encoder.layer.0.output.dense.input_scale', INFINITY],
    ['bert.encoder.layer.0.output.LayerNorm.weight', NAN],
  ])('is refused where it is quantized: %s', async (name, bytes) => {
    const copy = await spoiled('bert-sequence-int8', name, bytes);
    await expect(loadQuantizedModel(copy)).rejects.toThrow(`tensor "${name}" has a value that is not finite`);
  });
});

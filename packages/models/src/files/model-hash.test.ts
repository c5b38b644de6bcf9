import { cp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import type { EncoderConfig } from '../families/index.ts';
import { encoderShapes, headShapes } from '../families/parameters.ts';
import type { HostTensor } from '../host-tensor.ts';
import { saveModel } from './checkpoint.ts';
import { modelHash } from './model-hash.ts';

const folder = temporaryFolder();
const config: EncoderConfig = {
  family: 'bert',
  hiddenSize: 4,
  layers: 1,
  heads: 1,
  intermediateSize: 8,
  vocabularySize: 5,
  positions: 8,
  tokenTypes: 2,
  layerNormEpsilon: 1e-12,
  hiddenDropout: 0.1,
  classifierDropout: 0.1,
  padId: 1,
};

async function save(name: string, labels: string[], last = 0, more: Partial<EncoderConfig> = {}) {
  const head = { kind: 'token-classification', labels } as const;
  const shapes = [...encoderShapes(config), ...headShapes(config, head)];
  const tensors = new Map<string, HostTensor>(
    shapes.map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(0.5);
      return [name, { shape, data }];
    }),
  );
  const bias = [...tensors.values()].at(-1)!.data as Float32Array;
  bias[bias.length - 1] = last;
  const path = join(folder.path, name);
  await saveModel(path, { config: { ...config, ...more }, head, tensors, tokenizerFrom: undefined });
  return path;
}

it('is that of the weights, the encoder and the labels, wherever they lie', async () => {
  const model = await save('model', ['a', 'b']);
  const hash = await modelHash(model);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  const moved = join(folder.path, 'elsewhere');
  await cp(model, moved, { recursive: true });
  await writeFile(join(moved, 'README.md'), 'about');
  expect(await modelHash(`${moved}/`)).toBe(hash);
  await rename(moved, join(folder.path, 'third'));
  expect(await modelHash(join(folder.path, 'third'))).toBe(hash);

  const others = [
    await save('weights', ['a', 'b'], 1),
    await save('labels', ['b', 'a']),
    await save('epsilon', ['a', 'b'], 0, { layerNormEpsilon: 1e-5 }),
  ];
  const hashes = await Promise.all(others.map(modelHash));
  expect(new Set([hash, ...hashes]).size).toBe(4);
});

it('says so where there is no model', async () => {
  await expect(modelHash(join(folder.path, 'nowhere'))).rejects.toMatchObject({ code: 'path-not-found' });
});

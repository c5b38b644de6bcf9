import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import { namesIn } from '../../test/run-child.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { loadCheckpoint, readConfig, saveModel, withHead } from './checkpoint.ts';
import { SafetensorsFile, writeSafetensors } from './safetensors.ts';

const oracles = new URL('../../test/oracles/', import.meta.url).pathname;
const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);

describe('loadCheckpoint', () => {
  it('finds the head in config.json', async () => {
    const { head } = await loadCheckpoint(join(oracles, 'xlm-roberta-sequence-fp16'));
    expect(head).toEqual({ kind: 'sequence-classification', labels: ['low', 'middle', 'high'] });
    expect((await loadCheckpoint(join(oracles, 'bert-base-sharded'))).head).toBeUndefined();
  });

  it('reads the pooler of a BERT without a head', async () => {
    const { tensors } = await loadCheckpoint(join(oracles, 'bert-base-sharded'));
    expect(tensors.get('pooler.dense.weight')?.shape).toEqual([32, 32]);
  });

  it('names the folder that is not there, and the file that is missing', async () => {
    await expect(loadCheckpoint(at('nowhere'))).rejects.toMatchObject({ code: 'path-not-found' });
    await expect(loadCheckpoint(folder.path)).rejects.toThrow(at('config.json'));
    await cp(join(oracles, 'bert-answer/config.json'), at('config.json'));
    await expect(loadCheckpoint(folder.path)).rejects.toThrow('holds no weights');
  });

  it('names a missing tensor', async () => {
    await changeTensors((tensors) => tensors.delete('bert.encoder.layer.1.output.dense.bias'));
    await expect(loadCheckpoint(folder.path)).rejects.toMatchObject({
      code: 'missing-tensor',
      message: expect.stringContaining('"encoder.layer.1.output.dense.bias"'),
    });
  });

  it('names a tensor of another shape, with both shapes', async () => {
    await changeTensors((tensors) =>
      tensors.set('qa_outputs.weight', { shape: [32, 2], data: new Float32Array(64) }),
    );
    await expect(loadCheckpoint(folder.path)).rejects.toMatchObject({
      code: 'bad-shape',
      message: expect.stringContaining('"qa_outputs.weight" has the shape [32, 2], expected [2, 32]'),
    });
  });
});

describe('a sharded checkpoint', () => {
  const index = 'model.safetensors.index.json';
  const shard = 'model-00006-of-00006.safetensors';

  it.each([
    ['a path that climbs', `../${shard}`],
    ['an absolute path', `/tmp/${shard}`],
    ['a path with backslashes', `..\\\\${shard}`],
    ['the folder itself', '.'],
  ])('may not name %s', async (_, name) => {
    await cp(join(oracles, 'bert-base-sharded'), folder.path, { recursive: true });
    const text = await readFile(at(index), 'utf8');
    await writeFile(at(index), text.replaceAll(shard, name));
    await expect(loadCheckpoint(folder.path)).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringContaining('not in its folder'),
    });
  });

  it('may not reach out of the folder by a link', async () => {
    const inner = at('inner');
    await cp(join(oracles, 'bert-base-sharded'), inner, { recursive: true });
    await rename(join(inner, shard), at(shard));
    await symlink(at(shard), join(inner, shard));
    await expect(loadCheckpoint(inner)).rejects.toThrow('not in its folder');
  });

  it("may lie in the Hugging Face library's cache, whose files are links", async () => {
    const snapshot = at('models--x/snapshots/1a2b');
    await cp(join(oracles, 'bert-base-sharded'), snapshot, { recursive: true });
    await mkdir(at('models--x/blobs'));
    await rename(join(snapshot, shard), at('models--x/blobs/3c4d'));
    await symlink('../../blobs/3c4d', join(snapshot, shard));
    expect((await loadCheckpoint(snapshot)).config.layers).toBe(2);
  });

  it('must hold the tensors that the index says it holds', async () => {
    await cp(join(oracles, 'bert-base-sharded'), folder.path, { recursive: true });
    await writeSafetensors(at(shard), new Map());
    await expect(loadCheckpoint(folder.path)).rejects.toMatchObject({ code: 'missing-tensor' });
    await rm(at(shard));
    await expect(loadCheckpoint(folder.path)).rejects.toMatchObject({ code: 'path-not-found' });
  });
});

describe('saveModel', () => {
  it.each(['bert-sequence', 'bert-answer', 'bert-base-sharded', 'xlm-roberta-token'])(
    'saves %s so that it loads the same, under the names it had',
    async (name) => {
      const model = await loadCheckpoint(join(oracles, name));
      await saveModel(folder.path, { ...model, tokenizerFrom: undefined });
      expect(await loadCheckpoint(folder.path)).toEqual(model);
      expect(await readConfig(folder.path)).toMatchObject({ config: model.config, head: model.head });
      expect(await namesIn(folder.path)).toEqual(['config.json', 'model.safetensors']);
    },
  );

  it('uses the names of the transformers library', async () => {
    const original = await SafetensorsFile.open(join(oracles, 'bert-sequence/model.safetensors'));
    await original.close();
    const model = await loadCheckpoint(join(oracles, 'bert-sequence'));
    await saveModel(folder.path, { ...model, tokenizerFrom: undefined });
    const saved = await SafetensorsFile.open(at('model.safetensors'));
    await saved.close();
    expect([...saved.header.tensors.keys()].sort()).toEqual([...original.header.tensors.keys()].sort());
  });

  it('copies the tokenizer along', async () => {
    await writeFile(at('tokenizer.json'), '{}');
    const model = await loadCheckpoint(join(oracles, 'bert-answer'));
    await saveModel(at('saved'), { ...model, tokenizerFrom: folder.path });
    expect(await namesIn(at('saved'))).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    const failing = saveModel(at('other'), { ...model, tokenizerFrom: at('nowhere') });
    await expect(failing).rejects.toMatchObject({ code: 'io-failed' });
    expect(await namesIn(at('other'))).toEqual(['config.json']);
  });
});

describe('withHead', () => {
  it('keeps the same head, and a pooler under any', async () => {
    const model = await loadCheckpoint(join(oracles, 'bert-sequence'));
    const same = withHead(model, model.head!, new Random(0));
    expect(same.tensors).toEqual(model.tensors);
    const other = withHead(model, { kind: 'sequence-classification', labels: ['a', 'b'] }, new Random(0));
    expect(other.tensors.get('pooler.dense.weight')).toBe(model.tensors.get('pooler.dense.weight'));
    expect(other.tensors.get('classifier.weight')?.shape).toEqual([2, 32]);
    const tokens = withHead(model, { kind: 'token-classification', labels: ['a'] }, new Random(0));
    expect(tokens.tensors.has('pooler.dense.weight')).toBe(false);
  });
});

/** The answer model with some tensors changed. */
async function changeTensors(
  change: (tensors: Map<string, { shape: readonly number[]; data: Float32Array }>) => unknown,
): Promise<void> {
  const original = join(oracles, 'bert-answer');
  await cp(join(original, 'config.json'), at('config.json'));
  const file = await SafetensorsFile.open(join(original, 'model.safetensors'));
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, { shape }] of file.header.tensors)
    tensors.set(name, { shape, data: await file.readFloats(name) });
  await file.close();
  change(tensors);
  await writeSafetensors(at('model.safetensors'), tensors);
}

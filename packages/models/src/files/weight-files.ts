import { access, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SdqError } from '@sdq/core';
import { z } from 'zod';
import { readBoundedJson } from './bounded-file.ts';
import { requireFinite } from './require-finite.ts';
import { type SafetensorsEntry, SafetensorsFile } from './safetensors.ts';

const WEIGHTS_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';
// An index has about 100 bytes a tensor; the largest models published have some 200 shards.
const MAX_INDEX_BYTES = 16 * 2 ** 20;
const MAX_SHARDS = 1024;

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** A file of a checkpoint, and the tensors it must hold where an index says so. */
interface Shard {
  readonly path: string;
  readonly tensors: readonly string[] | undefined;
}

/** The tensors of a checkpoint folder, in one file or several. */
export class WeightFiles {
  private constructor(
    /** What to name in an error about a tensor that is nowhere. */
    readonly source: string,
    private readonly owners: ReadonlyMap<string, SafetensorsFile>,
    private readonly files: readonly SafetensorsFile[],
  ) {}

  /**
   * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
   *
   * @throws SdqError 'path-not-found' when a file is missing, 'bad-checkpoint' when one is not sound, lies outside the
   * folder, or lacks a tensor that the index says it has
   */
  static async open(folder: string): Promise<WeightFiles> {
    const single = join(folder, WEIGHTS_FILE);
    const index = join(folder, INDEX_FILE);
    if (await exists(single)) return WeightFiles.openAll(single, [{ path: single, tensors: undefined }]);
    if (await exists(index)) {
      const shards: Shard[] = [];
      for (const [name, tensors] of await readIndex(index)) {
        shards.push({ path: await inside(folder, name, index), tensors });
      }
      return WeightFiles.openAll(index, shards);
    }
    throw new SdqError(
      'path-not-found',
      `${folder} holds no weights: expected ${WEIGHTS_FILE} or ${INDEX_FILE}.`,
    );
  }

  private static async openAll(source: string, shards: readonly Shard[]): Promise<WeightFiles> {
    const owners = new Map<string, SafetensorsFile>();
    const files: SafetensorsFile[] = [];
    try {
      for (const { path, tensors } of shards) {
        const file = await SafetensorsFile.open(path);
        files.push(file);
        for (const name of tensors ?? file.header.tensors.keys()) {
          if (!file.header.tensors.has(name)) {
            throw new SdqError(
              'missing-tensor',
              `${file.path} has no tensor "${name}", which ${source} says is there.`,
            );
          }
          owners.set(name, file);
        }
      }
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
    return new WeightFiles(source, owners, files);
  }

  /** The files, in the order of their names. */
  get paths(): readonly string[] {
    return this.files.map(({ path }) => path).sort();
  }

  names(): IterableIterator<string> {
    return this.owners.keys();
  }

  entry(name: string): SafetensorsEntry | undefined {
    return this.owners.get(name)?.header.tensors.get(name);
  }

  /** As the file's own reader; 'bad-checkpoint' also for a value that is not finite. */
  async readFloats(name: string): Promise<Float32Array> {
    const owner = this.owner(name);
    const values = await owner.readFloats(name);
    requireFinite(values, owner.header.tensors.get(name)!.shape, owner.path, name);
    return values;
  }

  readInt8(name: string): Promise<Int8Array> {
    return this.owner(name).readInt8(name);
  }

  readUint8(name: string): Promise<Uint8Array> {
    return this.owner(name).readUint8(name);
  }

  readInt32(name: string): Promise<Int32Array> {
    return this.owner(name).readInt32(name);
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }

  private owner(name: string): SafetensorsFile {
    const file = this.owners.get(name);
    if (file === undefined) throw new SdqError('missing-tensor', `${this.source} has no tensor "${name}".`);
    return file;
  }
}

async function readIndex(path: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const parsed = indexSchema.safeParse(await readBoundedJson(path, MAX_INDEX_BYTES));
  if (!parsed.success) throw new SdqError('bad-checkpoint', `${path} has no usable weight_map.`);
  const shards = new Map<string, string[]>();
  for (const [tensor, shard] of Object.entries(parsed.data.weight_map)) {
    const tensors = shards.get(shard);
    if (tensors === undefined) shards.set(shard, [tensor]);
    else tensors.push(tensor);
  }
  if (shards.size > MAX_SHARDS) {
    throw new SdqError(
      'bad-checkpoint',
      `${path} names ${shards.size} files, more than the ${MAX_SHARDS} allowed.`,
    );
  }
  return shards;
}

/**
 * The path of a file that lies in the folder itself, not behind a path or a link that leads out of it. The
 * Hugging Face library's cache is let through: its folders `snapshots/HASH` hold links into `blobs` beside them.
 */
async function inside(folder: string, name: string, source: string): Promise<string> {
  const outside = new SdqError(
    'bad-checkpoint',
    `${source} names the file "${name.slice(0, 80)}", which is not in its folder.`,
  );
  if (name !== basename(name) || name === '' || name === '.' || name === '..' || /[\\\0]/.test(name))
    throw outside;
  const path = join(folder, name);
  let target: string;
  try {
    target = await realpath(path);
  } catch (error) {
    throw new SdqError('path-not-found', `Cannot open the checkpoint file ${path}.`, { cause: error });
  }
  const home = await realpath(folder);
  const blobs = join(dirname(dirname(home)), 'blobs');
  const inCache = basename(dirname(home)) === 'snapshots' && dirname(target) === blobs;
  if (dirname(target) !== home && !inCache) throw outside;
  return path;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SdqError } from '@sdq/core';
import { SafetensorsFile, type SafetensorsValue, writeSafetensors } from '@sdq/models';

/** Arrays and plain data, all that training needs to go on. */
export interface TrainingCheckpoint {
  readonly arrays: ReadonlyMap<string, SafetensorsValue>;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The key of the plain data in the file's metadata. */
const DATA = 'training';

/**
 * Saves a checkpoint as one safetensors file, the plain data as JSON in its header, so that the file is whole or not
 * there: written to a temporary name, synced and renamed over the last one.
 *
 * @throws SdqError `io-failed`
 */
export async function saveCheckpoint(path: string, { arrays, data }: TrainingCheckpoint): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeSafetensors(path, arrays, { [DATA]: JSON.stringify(data) });
}

/**
 * Reads what {@link saveCheckpoint} wrote; undefined where there is no file.
 *
 * @throws SdqError `bad-checkpoint` when the file is damaged
 */
export async function loadTrainingCheckpoint(path: string): Promise<TrainingCheckpoint | undefined> {
  if (!existsSync(path)) return undefined;
  const file = await SafetensorsFile.open(path);
  try {
    const { tensors, metadata } = file.header;
    const arrays = new Map<string, SafetensorsValue>();
    for (const [name, { dtype, shape }] of tensors) {
      const value =
        dtype === 'I32'
          ? { shape, data: await file.readInt32(name) }
          : { shape, data: await file.readFloats(name) };
      arrays.set(name, value);
    }
    return { arrays, data: parse(metadata.get(DATA), path) };
  } finally {
    await file.close();
  }
}

function parse(text: string | undefined, path: string): TrainingCheckpoint['data'] {
  try {
    return JSON.parse(text!) as TrainingCheckpoint['data'];
  } catch (cause) {
    throw new SdqError('bad-checkpoint', `${path} is no checkpoint of training: delete it.`, { cause });
  }
}

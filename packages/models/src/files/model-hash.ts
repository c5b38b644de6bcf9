import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isE5Folder, readConfig } from './checkpoint.ts';
import { E5_FILE } from './e5-checkpoint.ts';
import { sha256OfFile } from './file-hash.ts';
import { WeightFiles } from './weight-files.ts';

/**
 * The SHA-256 of what a model's folder computes: its weights files, and what its config.json says of the encoder and the head.
 * Where the folder lies, and what else is in it, does not matter.
 *
 * @returns hexadecimal digits
 * @throws SdqError 'path-not-found' or 'bad-checkpoint'
 *
 * @example
 * ```ts
 * import { modelHash } from '@sdq/models';
 *
 * const same = async (a: string, b: string) => (await modelHash(a)) === (await modelHash(b));
 * ```
 */
export async function modelHash(folder: string): Promise<string> {
  const { config, head } = await readConfig(folder);
  const hash = createHash('sha256').update(JSON.stringify([config, head]));
  for (const file of await weightFiles(folder)) hash.update(await sha256OfFile(file));
  return hash.digest('hex');
}

async function weightFiles(folder: string): Promise<readonly string[]> {
  if (await isE5Folder(folder)) return [join(folder, E5_FILE)];
  const files = await WeightFiles.open(folder);
  await files.close();
  return files.paths;
}

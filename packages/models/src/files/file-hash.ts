import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/**
 * The SHA-256 of a file's bytes, as hexadecimal digits.
 *
 * @example
 * ```ts
 * import { sha256OfFile } from '@sdq/models';
 *
 * const hash = async (folder: string) => sha256OfFile(`${folder}/model.safetensors`);
 * ```
 */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

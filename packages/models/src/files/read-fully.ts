import type { FileHandle } from 'node:fs/promises';
import { SdqError } from '@sdq/core';

/** One read call of the operating system takes less than 2 GiB. */
const MAX_READ = 2 ** 30;

/**
 * Fills `into` from a file, from the byte `offset` on.
 *
 * @throws SdqError 'bad-checkpoint' when the file ends before, 'io-failed' when it cannot be read
 */
export async function readFully(
  file: FileHandle,
  into: Uint8Array,
  offset: number,
  path: string,
): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(MAX_READ, into.length - done);
    let bytesRead: number;
    try {
      ({ bytesRead } = await file.read(into, done, length, offset + done));
    } catch (error) {
      throw new SdqError('io-failed', `Could not read ${path}.`, { cause: error });
    }
    if (bytesRead === 0)
      throw new SdqError('bad-checkpoint', `${path} ends at byte ${offset + done}, too early.`);
    done += bytesRead;
  }
}

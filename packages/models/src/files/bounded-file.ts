import { type FileHandle, open } from 'node:fs/promises';
import { SdqError } from '@sdq/core';
import { readFully } from './read-fully.ts';

/** The parser quotes some of the text. */
const MAX_REASON_LENGTH = 200;

/**
 * A text file's content, if the file is no longer than `maxBytes`.
 *
 * @throws SdqError 'path-not-found', or 'bad-checkpoint' when the file is longer
 */
async function readBoundedText(path: string, maxBytes: number): Promise<string> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new SdqError('path-not-found', `Cannot open the file ${path}.`, { cause: error });
  }
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new SdqError('bad-checkpoint', `${path} is not a file.`);
    if (status.size > maxBytes) {
      throw new SdqError(
        'bad-checkpoint',
        `${path} has ${status.size} bytes, more than the ${maxBytes} allowed.`,
      );
    }
    const bytes = new Uint8Array(status.size);
    await readFully(file, bytes, 0, path);
    return new TextDecoder().decode(bytes);
  } finally {
    await file.close();
  }
}

/** A JSON file's content, unchecked; errors as {@link readBoundedText}, and 'bad-checkpoint' when it is no JSON. */
export async function readBoundedJson(path: string, maxBytes: number): Promise<unknown> {
  const text = await readBoundedText(path, maxBytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message.replaceAll(/\s+/gu, ' ').slice(0, MAX_REASON_LENGTH);
    throw new SdqError('bad-checkpoint', `${path} is not JSON: ${reason}.`, { cause: error });
  }
}

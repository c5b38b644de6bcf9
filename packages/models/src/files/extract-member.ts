import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SdqError } from '@sdq/core';
import { type Entry, open, type ZipFile } from 'yauzl';

/** Entries looked at before the file is given up; a Python package has some hundreds. */
const MAX_ENTRIES = 100_000;

/**
 * Extracts one file of a zip archive to a path, and no more than `maxBytes` of it, whatever the archive claims.
 *
 * @throws SdqError 'bad-data' when the archive is not sound, lacks the file, or the file is longer
 */
export async function extractMember(
  archive: string,
  member: string,
  target: string,
  maxBytes: number,
): Promise<void> {
  const bad = (problem: string, cause?: unknown) =>
    new SdqError('bad-data', `${archive}: ${problem}.`, { cause });
  const zip = await openZip(archive).catch((error) => {
    throw bad('it is not a sound zip archive', error);
  });
  try {
    const entry = await findEntry(zip, member).catch((error) => {
      throw bad('it is not a sound zip archive', error);
    });
    if (entry === undefined) throw bad(`it has no file ${member}`);
    if (entry.uncompressedSize > maxBytes) {
      throw bad(`${member} has ${entry.uncompressedSize} bytes, more than the ${maxBytes} allowed`);
    }
    await pipeline(
      await openEntry(zip, entry),
      limit(maxBytes),
      createWriteStream(target, { flags: 'wx', flush: true }),
    );
  } catch (error) {
    throw error instanceof SdqError ? error : bad(`${member} could not be extracted`, error);
  } finally {
    zip.close();
  }
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: false }, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

function findEntry(zip: ZipFile, member: string): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    zip.on('error', reject);
    zip.on('end', () => resolve(undefined));
    zip.on('entry', (entry: Entry) => {
      seen += 1;
      if (entry.fileName === member) resolve(entry);
      else if (seen > MAX_ENTRIES) resolve(undefined);
      else zip.readEntry();
    });
    zip.readEntry();
  });
}

function openEntry(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

function limit(maxBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(new Error(`more than ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
}

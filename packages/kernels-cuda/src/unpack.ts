import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Entry, open, type ZipFile } from 'yauzl';

/**
 * Unpacks the files of a zip archive that `isNeeded` keeps. Each appears in the folder only when it is whole.
 *
 * @returns the bytes of each file, by its path in the folder
 */
export async function unpack(
  archive: string,
  folder: string,
  isNeeded: (path: string) => boolean,
): Promise<Record<string, number>> {
  const files: Record<string, number> = {};
  const zip = await openZip(archive);
  try {
    for (let entry = await nextEntry(zip); entry; entry = await nextEntry(zip)) {
      // yauzl refuses names that lead out of the folder.
      const path = entry.fileName;
      if (path.endsWith('/') || !isNeeded(path)) continue;
      const target = join(folder, path);
      await mkdir(dirname(target), { recursive: true });
      const isProgram = ((entry.externalFileAttributes >>> 16) & 0o100) !== 0;
      const part = createWriteStream(`${target}.part`, { mode: isProgram ? 0o755 : 0o644 });
      await pipeline(await openEntry(zip, entry), part);
      await rename(`${target}.part`, target);
      files[path] = (await stat(target)).size;
    }
  } finally {
    zip.close();
  }
  return files;
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: false }, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

function nextEntry(zip: ZipFile): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => {
      zip.removeAllListeners();
      done();
    };
    zip.once('entry', (entry: Entry) => settle(() => resolve(entry)));
    zip.once('end', () => settle(() => resolve(undefined)));
    zip.once('error', (error) => settle(() => reject(error)));
    zip.readEntry();
  });
}

function openEntry(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

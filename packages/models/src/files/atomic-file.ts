import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SdqError } from '@sdq/core';

let written = 0;

/**
 * Writes a file so that a reader sees the old content or the new, whole, also after a crash or loss of power:
 * to a temporary name in the same folder, synced, renamed over the old one, and the folder synced.
 *
 * @throws SdqError 'io-failed' when it could not be written; the previous file is then untouched and the
 * temporary one gone
 *
 * @example
 * ```ts
 * import { writeFileAtomically } from '@sdq/models';
 *
 * const save = (path: string) => writeFileAtomically(path, JSON.stringify({ score: 0.7 }));
 * ```
 */
export function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  return writeAtomically(path, (file) => file.writeFile(data));
}

/** As {@link writeFileAtomically}, for content that `write` gives piece by piece. */
export async function writeAtomically(
  path: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await removeOrphans(path);
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof SdqError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SdqError('io-failed', `Could not write ${path}: ${reason}.`, { cause: error });
  }
}

/** A name beside `path` that no other write of this or another process uses. */
export function temporaryPath(path: string): string {
  written += 1;
  return join(dirname(path), `.${basename(path)}.${process.pid}.${written}.tmp`);
}

/** Removes what writers of the same file left that were killed, since a model's temporary file is large. */
async function removeOrphans(path: string): Promise<void> {
  const start = `.${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(start)) continue;
    const [, writer] = /^(\d+)\.\d+\.tmp$/.exec(name.slice(start.length)) ?? [];
    if (writer !== undefined && !isRunning(Number(writer)))
      await rm(join(dirname(path), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder as a file; it needs no sync of the folder either.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

import { existsSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { SdqError } from '@sdq/core';

/** Where a folder may be written. */
export interface StagedFolderOptions {
  /** The file by which a folder shows that it was made here: only such a folder is ever replaced. */
  readonly marker: string;
  /** Whether a folder that is there is replaced. */
  readonly force: boolean;
  /** A folder that must stay as it is. */
  readonly keep: string;
}

/**
 * Writes a folder whole or not at all: under a temporary name beside it, renamed at the end.
 *
 * @throws SdqError `path-exists` when the folder is there and may not be replaced; `bad-option` when it is, or holds, the
 * folder to keep; `io-failed`; and what `write` throws
 */
export async function writeStagedFolder(
  folder: string,
  { marker, force, keep }: StagedFolderOptions,
  write: (staged: string) => Promise<void>,
): Promise<void> {
  const target = resolve(folder);
  await requireFree(folder, target, marker, force, keep);
  const staged = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  const old = `${staged}.old`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await mkdir(staged);
    await write(staged);
    const replaces = existsSync(target);
    if (replaces) await rename(target, old);
    try {
      await rename(staged, target);
    } catch (error) {
      if (replaces) await rename(old, target);
      throw error;
    }
    if (replaces) await rm(old, { recursive: true, force: true });
  } catch (cause) {
    if (cause instanceof SdqError) throw cause;
    const reason = (cause as Error).message;
    throw new SdqError('io-failed', `The folder ${folder} cannot be written: ${reason}.`, { cause });
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

async function requireFree(
  folder: string,
  target: string,
  marker: string,
  force: boolean,
  keep: string,
): Promise<void> {
  if (!existsSync(target)) return;
  const [there, kept] = [await realpath(target), await realpath(keep)];
  if (kept === there || kept.startsWith(there + sep)) {
    throw new SdqError('bad-option', `The folder ${folder} holds the model itself: choose another.`);
  }
  if (!force) {
    throw new SdqError(
      'path-exists',
      `The folder ${folder} exists: choose another, or replace it with --force.`,
    );
  }
  const files = await readdir(target).catch(() => undefined);
  if (files === undefined || (files.length > 0 && !files.includes(marker))) {
    throw new SdqError(
      'path-exists',
      `${folder} holds no ${marker}, by which this command knows what it wrote: choose another.`,
    );
  }
}

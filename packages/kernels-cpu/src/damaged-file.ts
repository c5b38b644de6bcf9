import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What the file with the sha256 of a native file is called after it. */
const HASH_SUFFIX = '.sha256';

/**
 * What is wrong with a native file, by the sha256 that was written beside it when it was built; undefined if nothing is.
 * Loading a file that lacks a part would end the process.
 *
 * A file without a sha256 beside it is of a build before there was one, and passes.
 */
export function damageOf(file: string): string | undefined {
  const record = `${file}${HASH_SUFFIX}`;
  if (!existsSync(record)) return undefined;
  const bytes = readFileSync(file);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (readFileSync(record, 'utf8').startsWith(`${found}  `)) return undefined;
  return `${file} is damaged: its ${bytes.length} bytes have another sha256 than ${basename(record)} says`;
}

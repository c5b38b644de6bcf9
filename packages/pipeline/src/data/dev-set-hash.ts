import { createHash } from 'node:crypto';
import { examplesHash } from '@sdq/models';
import type { DevSet } from './dataset.ts';

/** The SHA-256 of a dev set: of its examples as they are scored, and as token ids. */
export function devSetHash(set: DevSet): string {
  const hash = createHash('sha256');
  for (const { gold, encoded } of set.chunks()) {
    hash.update(JSON.stringify(gold)).update(examplesHash(encoded));
  }
  return hash.digest('hex');
}

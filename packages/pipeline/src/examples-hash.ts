import { createHash } from 'node:crypto';
import type { DevSet } from './dataset.ts';
import type { EncodedExample } from './encoded-example.ts';

/** The SHA-256 of tokenized examples, in their order: other data, labels or another tokenizer give another. */
export function examplesHash(examples: readonly EncodedExample[]): string {
  const hash = createHash('sha256');
  for (const { ids, tokenTypes, labels } of examples) {
    hash.update(Int32Array.of(ids.length, tokenTypes?.length ?? 0, labels.length));
    hash.update(ids).update(labels);
    if (tokenTypes) hash.update(tokenTypes);
  }
  return hash.digest('hex');
}

/** The SHA-256 of a dev set: of its examples as they are scored, and as token ids. */
export function devSetHash(set: DevSet): string {
  const hash = createHash('sha256');
  for (const { gold, encoded } of set.chunks()) {
    hash.update(JSON.stringify(gold)).update(examplesHash(encoded));
  }
  return hash.digest('hex');
}

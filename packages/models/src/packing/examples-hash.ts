import { createHash } from 'node:crypto';
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

export { type Batch, groupByTokens, labelledRows, packBatch } from './batches.ts';
export { concatenate } from './concatenate.ts';
export type { EncodedExample, SpanWindow } from './encoded-example.ts';
export { examplesHash } from './examples-hash.ts';
export { readMaxLength, requireRows } from './input-limits.ts';
export { packEncodings } from './pack.ts';

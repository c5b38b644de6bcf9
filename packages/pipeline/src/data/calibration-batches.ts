import { Random } from '@sdq/core';
import { type Batch, type EncodedExample, groupByTokens, packBatch } from '@sdq/models';

const TOKENS_PER_BATCH = 1024;

/** Batches of 1,024 tokens of examples, drawn by a seed. */
export function calibrationBatches(
  examples: readonly EncodedExample[],
  count: number,
  seed: number,
): Batch[] {
  const lengths = examples.map(({ ids }) => ids.length);
  const groups = groupByTokens(lengths, TOKENS_PER_BATCH, new Random(seed).fork('calibration'));
  return groups.slice(0, count).map((group) => packBatch(examples, group));
}

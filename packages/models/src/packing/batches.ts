import type { Random } from '@sdq/core';
import { IGNORED_LABEL } from '@sdq/kernels';
import type { EncoderBatch } from '../families/index.ts';
import { concatenate } from './concatenate.ts';
import type { EncodedExample } from './encoded-example.ts';

/** Packed sequences with their labels. */
export interface Batch extends EncoderBatch {
  /** One label a sequence, or one a token row where the task labels tokens; IGNORED_LABEL where there is none. */
  readonly labels: Int32Array;
  /** Which examples these are, in the order of the sequences. */
  readonly examples: readonly number[];
}

/** The rows that a task's loss is a mean over: those with a label. */
export function labelledRows({ labels }: Pick<Batch, 'labels'>): number {
  return labels.reduce((count, label) => count + Number(label !== IGNORED_LABEL), 0);
}

// Sorting within this many batches keeps like lengths together, so that attention's cost is even, while the
// order of examples stays nearly free.
const BATCHES_PER_BUCKET = 16;

/**
 * Groups examples into batches of at most `tokensPerBatch` tokens, sequences of like length together; an example
 * longer than that is a batch of its own.
 *
 * @param random - shuffles the examples and the batches; without it the order is by length alone
 * @returns the examples' indices, a list a batch
 *
 * @example
 * ```ts
 * import { groupByTokens } from '@sdq/models';
 *
 * groupByTokens([5, 3, 4], 8); // [[1, 2], [0]]
 * ```
 */
export function groupByTokens(
  lengths: readonly number[],
  tokensPerBatch: number,
  random?: Random,
): number[][] {
  const byLength = (a: number, b: number) => lengths[a]! - lengths[b]! || a - b;
  if (!random) return fill([...lengths.keys()].sort(byLength), lengths, tokensPerBatch);
  const order = [...random.permutation(lengths.length)];
  const buckets = fill(order, lengths, tokensPerBatch * BATCHES_PER_BUCKET);
  const batches = buckets.flatMap((bucket) => fill(bucket.sort(byLength), lengths, tokensPerBatch));
  return [...random.permutation(batches.length)].map((i) => batches[i]!);
}

function fill(order: readonly number[], lengths: readonly number[], budget: number): number[][] {
  const groups: number[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const i of order) {
    const length = lengths[i]!;
    if (used + length > budget) {
      groups.push([]);
      used = 0;
    }
    groups.at(-1)!.push(i);
    used += length;
  }
  return groups;
}

/**
 * Packs chosen examples into one batch.
 *
 * @example
 * ```ts
 * import { packBatch } from '@sdq/models';
 *
 * const example = { ids: Int32Array.of(0, 9, 2), labels: Int32Array.of(1) };
 * packBatch([example], [0]).offsets; // Int32Array [0, 3]
 * ```
 */
export function packBatch(examples: readonly EncodedExample[], chosen: readonly number[]): Batch {
  const picked = chosen.map((i) => examples[i]!);
  const offsets = new Int32Array(picked.length + 1);
  picked.forEach(({ ids }, i) => {
    offsets[i + 1] = offsets[i]! + ids.length;
  });
  const typed = picked.some(({ tokenTypes }) => tokenTypes?.some((type) => type !== 0));
  return {
    ids: concatenate(
      picked.map(({ ids }) => ids),
      Int32Array,
    ),
    ...(typed && {
      tokenTypes: concatenate(
        picked.map(({ ids, tokenTypes }) => tokenTypes ?? new Int32Array(ids.length)),
        Int32Array,
      ),
    }),
    offsets,
    labels: concatenate(
      picked.map(({ labels }) => labels),
      Int32Array,
    ),
    examples: chosen,
  };
}

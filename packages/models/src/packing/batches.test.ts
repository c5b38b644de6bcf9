import { Random } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import { groupByTokens, packBatch } from './batches.ts';

describe('groupByTokens', () => {
  const random = new Random(1);
  const lengths = Array.from({ length: 500 }, () => 3 + random.below(60));

  it('uses each example once, within the budget', () => {
    for (const shuffle of [undefined, new Random(2)]) {
      const groups = groupByTokens(lengths, 128, shuffle);
      expect(groups.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
      for (const group of groups) {
        expect(group.reduce((sum, i) => sum + lengths[i]!, 0)).toBeLessThanOrEqual(128);
      }
    }
  });

  it('wastes little of the budget and repeats from its seed', () => {
    const groups = groupByTokens(lengths, 256, new Random(3));
    const tokens = lengths.reduce((a, b) => a + b);
    expect(groups.length).toBeLessThan((1.25 * tokens) / 256);
    expect(groupByTokens(lengths, 256, new Random(3))).toEqual(groups);
    expect(groupByTokens(lengths, 256, new Random(4))).not.toEqual(groups);
  });

  it('gives an example that is over the budget a batch of its own', () => {
    expect(groupByTokens([2, 50, 2], 10)).toEqual([[0, 2], [1]]);
  });
});

it('packs ids, offsets and labels in order', () => {
  const examples = [
    { ids: Int32Array.of(0, 5, 2), labels: Int32Array.of(1) },
    { ids: Int32Array.of(0, 6, 7, 2), labels: Int32Array.of(0) },
  ];
  const batch = packBatch(examples, [1, 0]);
  expect([...batch.ids]).toEqual([0, 6, 7, 2, 0, 5, 2]);
  expect([...batch.offsets]).toEqual([0, 4, 7]);
  expect([...batch.labels]).toEqual([0, 1]);
});

import { SdqError } from '@sdq/core';

/**
 * The normalised discounted cumulative gain of one ranking, with linear gains, as scikit-learn's `ndcg_score`:
 * items of one score share the mean of their places' discounts (McSherry and Najork, 2008).
 *
 * @param relevance [items], each >= 0
 * @param scores [items], higher is ranked before lower
 * @returns a number in [0, 1]; 0 where nothing is relevant
 * @throws {SdqError} `bad-shape` where the two differ in length or there is no item
 *
 * @example
 * ```ts
 * import { ndcg } from '@sdq/xglue';
 *
 * ndcg([3, 0, 1], [0.9, 0.1, 0.5]); // 1
 * ```
 */
export function ndcg(relevance: readonly number[], scores: readonly number[]): number {
  if (relevance.length === 0 || relevance.length !== scores.length) {
    const counts = `${relevance.length} relevances and ${scores.length} scores`;
    throw new SdqError('bad-shape', `nDCG needs one score an item, but got ${counts}.`);
  }
  const ideal = gain([...relevance].sort((a, b) => b - a));
  if (ideal === 0) return 0;
  const groups = new Map<number, { sum: number; count: number }>();
  scores.forEach((score, i) => {
    const group = groups.get(score) ?? { sum: 0, count: 0 };
    groups.set(score, { sum: group.sum + relevance[i]!, count: group.count + 1 });
  });
  const ranked = [...groups]
    .sort(([a], [b]) => b - a)
    .flatMap(([, { sum, count }]) => new Array<number>(count).fill(sum / count));
  return gain(ranked) / ideal;
}

const gain = (ranked: readonly number[]): number =>
  ranked.reduce((sum, value, place) => sum + value / Math.log2(place + 2), 0);

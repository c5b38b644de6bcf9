import { expect, it } from 'vitest';
import { sequenceGroups } from './sequence-groups.ts';

it('leaves sequences of one length as they stand', () => {
  const { groups, identical } = sequenceGroups(Int32Array.of(0, 3, 3, 6));
  expect(groups).toEqual([{ sequences: 2, length: 3, rows: Int32Array.of(0, 1, 2, 3, 4, 5), full: true }]);
  expect(identical).toBe(true);
});

it('puts sequences of like length together, padded with the row after the last', () => {
  const { groups, places, identical } = sequenceGroups(Int32Array.of(0, 3, 4, 8));
  expect(identical).toBe(false);
  expect(groups).toEqual([
    { sequences: 2, length: 4, rows: Int32Array.of(4, 5, 6, 7, 0, 1, 2, 8), full: false },
    { sequences: 1, length: 1, rows: Int32Array.of(3), full: true },
  ]);
  const all = groups.flatMap(({ rows }) => [...rows]);
  expect([...places].map((place) => all[place])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it('has no groups of no tokens', () => {
  expect(sequenceGroups(Int32Array.of(0, 0)).groups).toEqual([]);
});

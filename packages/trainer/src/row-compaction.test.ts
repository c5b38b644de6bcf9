import { expect, it } from 'vitest';
import { compactRows } from './row-compaction.ts';

it('names each row once, and points every token at its own', () => {
  const ids = Int32Array.of(7, 3, 7, 7, 0, 3);
  const { rowIds, ids: local } = compactRows(ids);
  expect([...rowIds]).toEqual([7, 3, 0]);
  expect([...local].map((place) => rowIds[place])).toEqual([...ids]);
});

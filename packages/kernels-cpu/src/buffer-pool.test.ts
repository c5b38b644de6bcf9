import { Random } from '@sdq/core';
import { expect, it } from 'vitest';
import { BufferPool } from './buffer-pool.ts';

it('lends a buffer again after it came back, and never to two at a time', () => {
  const pool = new BufferPool();
  const first = pool.take(1000);
  const second = pool.take(1000);
  expect(second.buffer).not.toBe(first.buffer);
  pool.give(first);
  // A like length shares the buffer.
  const third = pool.take(1010);
  expect(third.buffer).toBe(first.buffer);
  expect(third.length).toBe(1010);
});

it('takes back only what it lent, and once', () => {
  const pool = new BufferPool();
  const array = pool.take(10);
  pool.give(new Float32Array(10));
  pool.give(array);
  pool.give(array);
  expect(pool.owns(array)).toBe(false);
  expect(pool.bytes.lent).toBe(0);
  expect(pool.take(10).buffer).not.toBe(pool.take(10).buffer);
});

it('holds at most 1.25 times the most that was in use, whatever the lengths', () => {
  const pool = new BufferPool();
  const random = new Random(1);
  const lent: Float32Array[] = [];
  let most = 0;
  for (let i = 0; i < 5000; i++) {
    if (lent.length < 20 || random.uniform() < 0.5) lent.push(pool.take(random.below(100_000)));
    else pool.give(lent.splice(random.below(lent.length), 1)[0]!);
    most = Math.max(most, pool.bytes.lent);
    expect(pool.bytes.lent + pool.bytes.idle).toBeLessThanOrEqual(1.25 * most);
    expect(pool.bytes.idle).toBeGreaterThanOrEqual(0);
  }
});

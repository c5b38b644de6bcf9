import { describe, expect, it } from 'vitest';
import { hash32, Random } from './random.ts';

describe('Random', () => {
  it('repeats from a seed, and goes on from a state', () => {
    const first = new Random(3);
    const drawn = [first.uint32(), first.uint32()];
    const resumed = Random.from(first.state);
    const second = new Random(3);
    expect([second.uint32(), second.uint32()]).toEqual(drawn);
    expect(resumed.uint32()).toBe(second.uint32());
  });

  it('is uniform: chi-squared over 64 bins stays below the 1e-6 quantile', () => {
    const bins = new Array<number>(64).fill(0);
    for (let i = 0; i < 64_000; i++) bins[hash32(1, i) >>> 26]! += 1;
    const chiSquared = bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquared).toBeLessThan(130);
  });

  it('gives normal numbers of mean 0 and variance 1', () => {
    const random = new Random(2);
    const drawn = Array.from({ length: 20_000 }, () => random.normal());
    const mean = drawn.reduce((a, b) => a + b) / drawn.length;
    const variance = drawn.reduce((a, b) => a + (b - mean) ** 2, 0) / drawn.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
  });

  it('permutes without loss, and forks into streams that differ', () => {
    const random = new Random(5);
    expect([...random.permutation(100)].sort((a, b) => a - b)).toEqual([...Array(100).keys()]);
    expect(random.fork('dropout').uint32()).not.toBe(random.fork('data').uint32());
  });
});

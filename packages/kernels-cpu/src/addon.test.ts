import { beforeAll, describe, expect, it } from 'vitest';
import { type Addon, loadAddon } from './addon.ts';

describe('the addon', () => {
  let addon: Addon;
  beforeAll(() => {
    addon = loadAddon();
  });

  it('turns a Rust panic into a JavaScript Error and goes on', () => {
    const x = new Float32Array(4);
    expect(() => addon.gelu(x, new Float32Array(3))).toThrow(Error);
    expect(() => addon.linear(x, x, x, x, 2, 2, 9)).toThrow('shorter than its shape');
    expect(() => addon.embedding(x, Int32Array.of(7), 2, new Float32Array(2))).toThrow(Error);
    // Inside the thread pool as well.
    const many = new Float32Array(70_000);
    const ids = new Int32Array(70_000).fill(7);
    expect(() => addon.embedding(x, ids, 1, many)).toThrow(Error);
    addon.gelu(x, x.slice());
  });

  it('takes empty arrays', () => {
    const none = new Float32Array(0);
    addon.gelu(none, none);
    expect(addon.sumOfSquares([none])).toBe(0);
  });
});

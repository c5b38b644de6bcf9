/**
 * The blocks that codes name, one after another: what a codebook and its codes stand for.
 *
 * @param entries - [entries * blockSize]
 * @param codes - each below the number of entries
 * @returns [codes * blockSize]
 *
 * @example
 * ```ts
 * import { joinBlocks } from '@sdq/core';
 *
 * joinBlocks(Int8Array.of(1, 2, 3, 4), Uint8Array.of(1, 0, 1), 2); // Int8Array [3, 4, 1, 2, 3, 4]
 * ```
 */
export function joinBlocks<T extends Float32Array | Int8Array>(
  entries: T,
  codes: Uint8Array,
  blockSize: number,
): T {
  const joined = new (entries.constructor as new (length: number) => T)(codes.length * blockSize);
  codes.forEach((code, block) => {
    joined.set(entries.subarray(code * blockSize, (code + 1) * blockSize), block * blockSize);
  });
  return joined;
}

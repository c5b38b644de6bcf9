import { Random } from '@sdq/core';

/** Copies of `bytes` with a few of the first `span` bytes changed, or cut off somewhere in them. */
export function* corruptions(bytes: Uint8Array, span: number, count: number): Generator<Uint8Array> {
  const random = new Random(17);
  for (let i = 0; i < count; i++) {
    if (i % 4 === 0) {
      yield bytes.slice(0, random.below(Math.min(span, bytes.length)));
      continue;
    }
    const copy = bytes.slice();
    for (let flips = 1 + random.below(3); flips > 0; flips--) copy[random.below(span)] = random.below(256);
    yield copy;
  }
}

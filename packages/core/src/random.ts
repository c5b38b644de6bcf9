/**
 * A 32-bit hash of (seed, counter): the counter-based generator behind every random mask, so that any
 * element can be drawn alone and every backend draws the same one.
 *
 * Two rounds of the `lowbias32` integer hash (C. Wellons, 2018, "Prospecting for Hash Functions").
 *
 * @returns an integer in [0, 2^32)
 *
 * @example
 * ```ts
 * import { hash32 } from '@sdq/core';
 *
 * hash32(7, 0) === hash32(7, 0); // true
 * ```
 */
export function hash32(seed: number, counter: number): number {
  return lowbias32((lowbias32(seed | 0) ^ counter) | 0) >>> 0;
}

function lowbias32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}

/** The state of a {@link Random}: enough to go on from where it stood. */
export interface RandomState {
  readonly seed: number;
  readonly counter: number;
}

/**
 * A seeded stream of random numbers, whose state is two integers.
 *
 * @example
 * ```ts
 * import { Random } from '@sdq/core';
 *
 * const random = new Random(0);
 * random.permutation(3).length; // 3
 * ```
 */
export class Random {
  private counter: number;

  constructor(
    readonly seed: number,
    counter = 0,
  ) {
    this.counter = counter;
  }

  /** The state to hand to {@link Random.from}. */
  get state(): RandomState {
    return { seed: this.seed, counter: this.counter };
  }

  /** A stream that goes on from a saved state. */
  static from(state: RandomState): Random {
    return new Random(state.seed, state.counter);
  }

  /** An independent stream for a named use, so that adding one use does not shift another. */
  fork(name: string): Random {
    let seed = this.seed | 0;
    for (let i = 0; i < name.length; i++) seed = hash32(seed, name.charCodeAt(i)) | 0;
    return new Random(seed);
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    return hash32(this.seed, this.counter++);
  }

  /** A number in [0, 1) with 32 random bits. */
  uniform(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A standard normal number (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / 0x1_0000_0001));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** The integers 0..length-1 in random order (Fisher and Yates). */
  permutation(length: number): Int32Array {
    const order = Int32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  }
}

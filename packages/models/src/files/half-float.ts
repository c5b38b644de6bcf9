/**
 * Half-precision floats (IEEE 754 binary16, by their bits) as float32, written to `into` from `start` on.
 *
 * @example
 * ```ts
 * import { widenHalfFloats } from '@sdq/models';
 *
 * const floats = new Float32Array(3);
 * widenHalfFloats(Uint16Array.of(0x3c00, 0xc000), floats, 1); // floats is now [0, 1, -2]
 * ```
 */
export function widenHalfFloats(bits: Uint16Array, into: Float32Array, start: number): void {
  const table = halfFloats();
  for (let i = 0; i < bits.length; i++) into[start + i] = table[bits[i]!]!;
}

/** Brain floats (the upper half of a float32, by their bits) as float32, written to `into` from `start` on. */
export function widenBrainFloats(bits: Uint16Array, into: Float32Array, start: number): void {
  const words = new Uint32Array(into.buffer, into.byteOffset + 4 * start, bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
}

/** The largest finite half-precision float, 65,504, and the bits of it. */
const LARGEST = 0x7bff;
/** float32 bits from which on a value rounds to no finite half, and below which it is denormal as a half. */
const OVERFLOW = 0x477f_f000;
const SMALLEST_NORMAL = 0x3880_0000;

/**
 * float32 as half-precision floats by their bits, rounding to the nearest, half to even. What lies outside of the range
 * becomes the largest finite half of its sign; NaN stays NaN.
 *
 * @param into - as long as `values`
 *
 * @example
 * ```ts
 * import { narrowToHalfFloats } from '@sdq/models';
 *
 * const bits = new Uint16Array(2);
 * narrowToHalfFloats(Float32Array.of(1, -2), bits); // [15360, 49152]
 * ```
 */
export function narrowToHalfFloats(values: Float32Array, into: Uint16Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const sign = (words[i]! >>> 16) & 0x8000;
    const magnitude = words[i]! & 0x7fff_ffff;
    if (magnitude < SMALLEST_NORMAL) into[i] = sign | denormalHalf(Math.abs(values[i]!));
    else if (magnitude < OVERFLOW) {
      // Carries into the exponent where the fraction rounds up to 2; the bias falls from 127 to 15.
      into[i] = sign | (((magnitude + 0xfff + ((magnitude >>> 13) & 1)) >>> 13) - (112 << 10));
    } else into[i] = sign | (magnitude > 0x7f80_0000 ? 0x7e00 : LARGEST);
  }
  return into;
}

/** The steps of 2^-24 in a magnitude below 2^-14. */
function denormalHalf(magnitude: number): number {
  const steps = magnitude * 2 ** 24;
  const below = Math.floor(steps);
  const rest = steps - below;
  return below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
}

let table: Float32Array | undefined;

/** The value of each of the 65,536 half-precision floats. */
export function halfFloats(): Float32Array {
  table ??= Float32Array.from({ length: 0x1_0000 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return table;
}

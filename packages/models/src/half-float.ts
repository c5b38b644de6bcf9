/** Half-precision floats (IEEE 754 binary16, by their bits) as float32, written to `into` from `start` on. */
export function widenHalfFloats(bits: Uint16Array, into: Float32Array, start: number): void {
  const table = halfFloats();
  for (let i = 0; i < bits.length; i++) into[start + i] = table[bits[i]!]!;
}

/** Brain floats (the upper half of a float32, by their bits) as float32, written to `into` from `start` on. */
export function widenBrainFloats(bits: Uint16Array, into: Float32Array, start: number): void {
  const words = new Uint32Array(into.buffer, into.byteOffset + 4 * start, bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
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

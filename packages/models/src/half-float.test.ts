import { expect, it } from 'vitest';
import { widenBrainFloats, widenHalfFloats } from './half-float.ts';

it('widens half-precision floats: normal, subnormal, zeros, infinities, NaN', () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x8000, 0x7c00, 0xfc00, 0x7e00);
  const floats = new Float32Array(11);
  widenHalfFloats(bits, floats, 1);
  expect([...floats]).toEqual([
    0,
    1,
    -2,
    65504,
    2 ** -24,
    1023 * 2 ** -24,
    2 ** -14,
    -0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ]);
});

it('widens brain floats, by the upper half of a float32', () => {
  const floats = new Float32Array(4);
  widenBrainFloats(Uint16Array.of(0x3f80, 0xc040, 0xff80), floats, 1);
  expect([...floats]).toEqual([0, 1, -3, Number.NEGATIVE_INFINITY]);
});

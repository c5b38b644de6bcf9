import { describe, expect, it } from 'vitest';
import { narrowToHalfFloats, widenBrainFloats, widenHalfFloats } from './half-float.ts';

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

describe('narrowToHalfFloats', () => {
  it('gives back every half-precision float', () => {
    const bits = Uint16Array.from({ length: 0x1_0000 }, (_, i) => i);
    const floats = new Float32Array(bits.length);
    widenHalfFloats(bits, floats, 0);
    const back = narrowToHalfFloats(floats, new Uint16Array(bits.length));
    const finite = bits.filter((value) => (value & 0x7c00) !== 0x7c00);
    expect(finite.length).toBe(2 * 0x7c00);
    expect(finite.every((value) => back[value] === value)).toBe(true);
    expect([back[0x7c00], back[0xfc00], back[0x7e00]]).toEqual([0x7bff, 0xfbff, 0x7e00]);
  });

  it('rounds to the nearest half, half to even', () => {
    const halves = new Float32Array(0x7c00);
    widenHalfFloats(
      Uint16Array.from({ length: 0x7c00 }, (_, i) => i),
      halves,
      0,
    );
    const bits = (value: number) => narrowToHalfFloats(Float32Array.of(value), new Uint16Array(1))[0]!;
    for (let i = 0; i + 1 < halves.length; i += 7) {
      const [low, high] = [halves[i]!, halves[i + 1]!];
      const middle = Math.fround((low + high) / 2);
      expect(bits(middle)).toBe(i % 2 === 0 ? i : i + 1);
      expect(bits(-(low + 0.75 * (high - low)))).toBe(0x8000 | (i + 1));
      expect(bits(low + 0.25 * (high - low))).toBe(i);
    }
    expect([65_519, 65_520, 1e30, -1e30].map(bits)).toEqual([0x7bff, 0x7bff, 0x7bff, 0xfbff]);
  });
});

import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { dequantizeRows, perChannel } from './weight-quantizers.ts';

beforeAll(() => tf.setBackend('cpu'));

/** Round half to even, in float64. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const part = x - floor;
  if (part !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

describe('perChannel', () => {
  const random = new Random(1);
  const weight = Float32Array.from({ length: 16 * 24 }, (_, i) =>
    i < 24 ? 0 : random.normal() * 10 ** ((Math.floor(i / 24) % 7) - 3),
  );

  it.each([8, 4, 3, 2])('at %i bits gives the integers of the definition', (bits) => {
    const quantized = perChannel(bits).quantize(tf.tensor2d(weight, [16, 24]));
    const qMax = 2 ** (bits - 1) - 1;
    for (let row = 0; row < 16; row++) {
      const values = weight.subarray(row * 24, (row + 1) * 24);
      const scale = quantized.scales[row]!;
      const largest = Math.max(...values.map(Math.abs));
      expect(scale).toBe(largest === 0 ? scale : Math.fround(largest / qMax));
      expect(scale).toBeGreaterThan(0);
      values.forEach((value, i) => {
        const expected = roundHalfEven(Math.fround(value / scale));
        expect(quantized.values[row * 24 + i]).toBe(expected === 0 ? 0 : expected);
        expect(Math.abs(quantized.values[row * 24 + i]!)).toBeLessThanOrEqual(qMax);
      });
    }
  });

  it('fake quantization equals storing and loading', () => {
    const tensor = tf.tensor2d(weight, [16, 24]);
    const quantizer = perChannel(8);
    // Adding zero turns -0 into 0: integers have only one.
    const faked = [...quantizer.fakeQuantize(tensor).dataSync()].map((value) => value + 0);
    expect(faked).toEqual([...dequantizeRows(quantizer.quantize(tensor)).dataSync()]);
  });

  it('lets the gradient through unchanged', () => {
    const gradient = tf.grad((w) => perChannel(4).fakeQuantize(w).square().sum());
    const tensor = tf.tensor2d(weight, [16, 24]);
    const expected = perChannel(4).fakeQuantize(tensor).mul(2);
    expect([...gradient(tensor).dataSync()]).toEqual([...expected.dataSync()]);
  });

  it('refuses bits out of range', () => {
    expect(() => perChannel(9)).toThrow('9 bits');
    expect(() => perChannel(1)).toThrow('1 bits');
    expect(() => perChannel(4.5)).toThrow('4.5 bits');
  });
});

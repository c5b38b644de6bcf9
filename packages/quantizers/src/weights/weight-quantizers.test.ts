import type { Granularity } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { adversarialRows, roundHalfEven } from '../../test/adversarial.ts';
import {
  dequantizeRows,
  perChannel,
  perGroup,
  perTensor,
  storedBytes,
  weightQuantizer,
} from './weight-quantizers.ts';

beforeAll(() => tf.setBackend('cpu'));

const rows = adversarialRows();
const COLUMNS = 64;
const all = Float32Array.from(rows.flatMap(({ row }) => [...row]));
const weight = () => tf.tensor2d(all, [rows.length, COLUMNS]);

/** The definition, in float64, for the values that share a scale. */
function reference(values: readonly number[], bits: number): { scale: number; levels: number[] } {
  const magnitudes = values.map(Math.abs);
  const mean = magnitudes.reduce((a, b) => a + b, 0) / values.length;
  if (bits === 1) return { scale: mean, levels: values.map((value) => (value < 0 ? -1 : 1)) };
  if (bits === 2) {
    const beyond = magnitudes.filter((magnitude) => magnitude > 0.7 * mean);
    const scale = beyond.reduce((a, b) => a + b, 0) / Math.max(1, beyond.length);
    return { scale, levels: values.map((value) => (Math.abs(value) > 0.7 * mean ? Math.sign(value) : 0)) };
  }
  const qMax = 2 ** (bits - 1) - 1;
  const scale = Math.fround(Math.max(...magnitudes) / qMax);
  const levels = values.map((value) => (scale === 0 ? 0 : roundHalfEven(Math.fround(value / scale))));
  return { scale, levels: levels.map((level) => Math.max(-qMax, Math.min(qMax, level))) };
}

const granularities: [string, Granularity, number][] = [
  ['channel', 'channel', COLUMNS],
  ['group of 32', { group: 32 }, 32],
  ['tensor', 'tensor', all.length],
];

describe.each(granularities)('per %s', (_, granularity, size) => {
  // The mean of a whole tensor with magnitudes of 3e38 is not one of float32 interest, but must still be right.
  it.each([8, 4, 3, 2, 1])('%i bits are the integers and scales of the definition', (bits) => {
    const quantized = weightQuantizer(bits, granularity).quantize(weight());
    for (let start = 0; start < all.length; start += size) {
      const { scale, levels } = reference([...all.subarray(start, start + size)], bits);
      const index = granularity === 'tensor' ? 0 : start / size;
      const stored = quantized.scales[index]!;
      // Magnitudes below half the smallest denormal round to a scale of 0: such a group is one of zeros.
      if (Math.fround(scale) === 0 && bits > 1) expect(stored).toBe(1);
      else expect(stored).toBe(Math.fround(scale));
      const expected = Math.fround(scale) === 0 && bits > 1 ? levels.map(() => 0) : levels;
      expect([...quantized.values.subarray(start, start + size)]).toEqual(expected.map((level) => level + 0));
    }
  });

  it.each([8, 4, 3, 2, 1])('%i bits: fake quantization equals storing and loading', (bits) => {
    const quantizer = weightQuantizer(bits, granularity);
    // Adding zero turns -0 into 0: integers have only one.
    const faked = [...quantizer.fakeQuantize(weight()).dataSync()].map((value) => value + 0);
    const loaded = dequantizeRows(quantizer.quantize(weight()));
    expect(faked).toEqual([...loaded.dataSync()].map((value) => value + 0));
  });

  it.each([4, 2, 1])('%i bits: the gradient passes unchanged', (bits) => {
    const upstream = tf.randomNormal([rows.length, COLUMNS], 0, 1, 'float32', 3);
    const gradient = tf.grad((w: tf.Tensor) =>
      weightQuantizer(bits, granularity).fakeQuantize(w).mul(upstream).sum(),
    );
    expect([...gradient(weight()).dataSync()]).toEqual([...upstream.dataSync()]);
  });
});

it('counts the bytes that the bits say', () => {
  expect(storedBytes([384, 1536], 8, 'channel')).toBe(384 * 1536 + 384 * 4);
  expect(storedBytes([384, 1536], 3, { group: 128 })).toBe((384 * 1536 * 3) / 8 + 384 * 12 * 4);
  expect(storedBytes([384, 1536], 1, 'channel')).toBe((384 * 1536) / 8 + 384 * 4);
});

it.each([8, 2, 1])('%i bits: names the site whose weight is not finite', (bits) => {
  const bad = tf.tensor2d([1, Number.NaN], [1, 2]);
  expect(() => perChannel(bits).quantize(bad, 'a.query')).toThrow('"a.query"');
  expect(() => perChannel(bits).fakeQuantize(bad, 'a.query')).toThrow('"a.query"');
});

it('refuses bits and groups that do not fit', () => {
  expect(() => perChannel(9)).toThrow('9 bits');
  expect(() => perTensor(0)).toThrow('0 bits');
  expect(() => perChannel(4.5)).toThrow('4.5 bits');
  expect(() => perGroup(4, 0)).toThrow('0 columns');
  expect(() => perGroup(4, 48).quantize(weight(), 'a.query')).toThrow(
    'do not divide the 64 columns of the weight of "a.query"',
  );
  expect(() => perChannel(4).quantize(tf.tensor1d([1]))).toThrow('[out, in]');
});

it('leaves no tensor behind', () => {
  const tensor = weight();
  const before = tf.memory().numTensors;
  for (const bits of [8, 4, 2, 1]) {
    for (const [, granularity] of granularities) {
      const quantizer = weightQuantizer(bits, granularity);
      tf.tidy(() => quantizer.fakeQuantize(tensor).dataSync());
      quantizer.quantize(tensor);
    }
  }
  expect(tf.memory().numTensors).toBe(before);
});

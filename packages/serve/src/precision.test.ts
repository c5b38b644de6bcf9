import type { QuantizedRows } from '@sdq/core';
import type { QuantizedModel } from '@sdq/models';
import { expect, it } from 'vitest';
import { precisionOf, precisionText } from './precision.ts';

const rows = (bits: number, codebook?: QuantizedRows['codebook']): QuantizedRows => ({
  bits,
  shape: [1, 2],
  values: Int8Array.of(1, 0),
  scales: Float32Array.of(1),
  ...(codebook && { codebook }),
});
const matrix = { shape: [1, 2], data: new Float32Array(2) };
const norm = { shape: [2], data: new Float32Array(2) };
const grid = (qMax: number) => ({ scale: 1, zeroPoint: 0, qMin: 0, qMax });
const model = (parts: object) =>
  ({ weights: new Map(), grids: new Map(), floats: new Map(), ...parts }) as unknown as QuantizedModel;
const text = (parts: object) => precisionText(precisionOf(model(parts)));

it('is that of the weights and grids that a model has', () => {
  const weights = (...bits: number[]) => new Map(bits.map((one, i) => [`${i}.weight`, rows(one)]));
  const grids = (...qMax: number[]) => new Map(qMax.map((one, i) => [`${i}`, grid(one)]));
  expect(text({ weights: weights(4, 8, 4), grids: grids(255, 255) })).toBe(
    'weights in 4 and 8 bits, inputs of 2 layers in 8 bits',
  );
  expect(text({ weights: weights(1), grids: grids(15) })).toBe(
    'weights in 1 bit, inputs of 1 layer in 4 bits',
  );
  expect(text({ weights: weights(4, 2), grids: grids(15, 255, 15, 0) })).toBe(
    'weights in 2 and 4 bits, inputs of 2 layers in 4 bits, inputs of 2 layers in 8 bits',
  );
  expect(text({ weights: weights(8), perToken: new Map([['0', 8]]) })).toBe(
    'weights in 8 bits, inputs of 1 layer in 8 bits with a scale a token',
  );
});

it('does not claim integers where floats are left, and names codebooks', () => {
  const floats = new Map([
    ['a.weight', matrix],
    ['norm.weight', norm],
    ['a.bias', norm],
  ]);
  expect(text({ weights: new Map([['b.weight', rows(4)]]), floats })).toBe(
    'weights in 4 bits, 1 matrix in float32, inputs in float32',
  );
  const codebook = { blockSize: 1, entries: Int8Array.of(1, 0), codes: Uint8Array.of(0, 1) };
  const weights = new Map([
    ['b.weight', rows(8, codebook)],
    ['c.weight', rows(8)],
  ]);
  expect(text({ weights })).toBe(
    'weights in 8 bits, 1 of 2 matrices as codebooks of blocks, inputs in float32',
  );
  const head = { kind: 'sequence-classification', labels: ['a', 'b'] } as const;
  const { config } = model({ config: {} });
  expect(precisionText(precisionOf({ config, head, tensors: floats }))).toBe('float32');
});

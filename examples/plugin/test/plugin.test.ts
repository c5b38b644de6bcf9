import { type DistillationContext, type Taps, tapKey } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { firstTokenMse } from '../src/first-token-mse.ts';
import plugin from '../src/index.ts';
import { powerOfTwo } from '../src/power-of-two.ts';

it('names what it brings', () => {
  expect(plugin.quantizers?.map(({ name }) => name)).toEqual(['int8-power-of-two', 'int4-power-of-two']);
  expect(Object.keys(plugin.losses ?? {})).toEqual(['first-token-mse']);
});

it('rounds weights to multiples of powers of two, and stores what training saw', () => {
  const weight = tf.tensor2d([
    [1, -0.6, 0.3],
    [0, 0, 0],
    [7, 5.5, -4.5],
  ]);
  const { values, scales } = powerOfTwo(4).quantize(weight);
  expect([...scales]).toEqual([0.25, 1, 1]);
  // Half to even, both times.
  expect([...values]).toEqual([4, -2, 1, 0, 0, 0, 7, 6, -4]);
  const seen = powerOfTwo(4).fakeQuantize(weight).dataSync();
  expect([...seen]).toEqual(Array.from(values, (value, i) => value * scales[Math.floor(i / 3)]!));
});

it('lets gradients pass, and refuses what is not finite', () => {
  const gradient = tf.grad((x) => powerOfTwo(8).fakeQuantize(x).mul([3, -2]).sum());
  expect([...gradient(tf.tensor2d([[0.3, 0.7]])).dataSync()]).toEqual([3, -2]);
  expect(() => powerOfTwo(8).quantize(tf.tensor2d([[Number.NaN]]), 'classifier')).toThrow(
    '"classifier" has NaN',
  );
});

it('compares the directions of first tokens', () => {
  const shape = { layers: 2, heads: 1, hiddenSize: 2 };
  const context = { offsets: Int32Array.of(0, 2, 3), teacher: shape, student: shape } as DistillationContext;
  const show = (rows: number[][]): Taps => ({
    logits: tf.zeros([2, 2]),
    shown: new Map([[tapKey({ role: 'hidden', layer: 1 }), tf.tensor2d(rows)]]),
  });
  const loss = firstTokenMse({ layers: 'last' });
  expect([0, 1].map((layer) => loss.taps({ role: 'hidden', layer }, shape))).toEqual([false, true]);
  // The first sequence turns by a right angle: a distance of 2. The second only grows; the second token is not looked at.
  const teacher = show([
    [1, 0],
    [5, 5],
    [3, 4],
  ]);
  const student = show([
    [0, 2],
    [9, 1],
    [6, 8],
  ]);
  expect(loss.compute(teacher, student, context).dataSync()[0]).toBeCloseTo(1, 6);
  expect(loss.obstacle?.(shape, { ...shape, hiddenSize: 4 })).toMatch('one hidden size');
});

import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { valuesOf } from './values-of.ts';

it('gives the values and keeps no tensor', () => {
  const before = tf.memory().numTensors;
  const values = valuesOf(() => tf.tensor1d([1, 2, 3]).square());
  expect([...values]).toEqual([1, 4, 9]);
  expect(tf.memory().numTensors).toBe(before);
});

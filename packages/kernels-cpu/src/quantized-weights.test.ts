import { AdamW, fakeQuantize, fakeQuantizeRows, linear, quantizedLinear } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useSdqCpu } from './use-sdq-cpu.ts';

beforeAll(() => useSdqCpu());

const options = { grid: { scale: 0.05, zeroPoint: 100, qMin: 0, qMax: 255 }, bits: 8 };
const x = () => tf.randomNormal([7, 40], 0, 1, 'float32', 1);
const bias = () => tf.zeros([30]);

/** The largest distance of the product from the one of floats. */
function error(weight: tf.Tensor): number {
  return tf.tidy(() => {
    const [input, zeros] = [x(), bias()];
    const exact = linear(fakeQuantize(input, options.grid), fakeQuantizeRows(weight, 8), zeros);
    return quantizedLinear(input, weight, zeros, options).sub(exact).abs().max().dataSync()[0]!;
  });
}

it('follows a variable through steps of AdamW, assignments, and the end of the tensor it was made of', () => {
  const start = tf.randomNormal([30, 40], 0, 1, 'float32', 2);
  expect(error(start)).toBeLessThan(1e-4);
  const variable = tf.variable(start);
  expect(error(variable)).toBeLessThan(1e-4);
  const optimizer = new AdamW();
  for (let step = 0; step < 3; step++) {
    const before = variable.dataSync().slice();
    const gradient = tf.randomNormal([30, 40], 0, 1, 'float32', 3 + step);
    optimizer.step({ w: gradient }, { w: variable }, { learningRate: 0.5, weightDecay: () => 0 });
    expect(Math.abs(variable.dataSync()[0]! - before[0]!)).toBeGreaterThan(0.1);
    expect(error(variable)).toBeLessThan(1e-4);
    expect(error(start)).toBeLessThan(1e-4);
    gradient.dispose();
  }
  start.dispose();
  expect(error(variable)).toBeLessThan(1e-4);
  const other = tf.randomNormal([30, 40], 0, 5, 'float32', 9);
  variable.assign(other);
  other.dispose();
  expect(error(variable)).toBeLessThan(1e-4);
  variable.dispose();
  optimizer.dispose();
});

it('tells tensors apart that share their data', () => {
  const wide = tf.randomNormal([30, 40], 0, 1, 'float32', 4);
  expect(error(wide)).toBeLessThan(1e-4);
  const narrow = wide.reshape([60, 20]);
  const [half, zeros] = [tf.ones([2, 20]), tf.zeros([60])];
  const y = quantizedLinear(half, narrow, zeros, options);
  const exact = linear(half, fakeQuantizeRows(narrow, 8), zeros);
  expect(y.sub(exact).abs().max().dataSync()[0]).toBeLessThan(1e-4);
  wide.dispose();
  expect([...quantizedLinear(half, narrow, zeros, options).dataSync()]).toEqual([...y.dataSync()]);
  const few = quantizedLinear(half, narrow, zeros, { ...options, bits: 4 });
  const coarse = linear(half, fakeQuantizeRows(narrow, 4), zeros);
  expect(few.sub(coarse).abs().max().dataSync()[0]).toBeLessThan(1e-4);
});

it('takes values again after some that were not finite', () => {
  const weight = tf.variable(tf.fill([30, 40], Number.NaN));
  expect(() => error(weight)).toThrow('NaN');
  expect(() => error(weight)).toThrow('NaN');
  weight.assign(tf.ones([30, 40]));
  expect(error(weight)).toBeLessThan(1e-4);
});

it('gives back the memory of weights that go', () => {
  const pass = () => tf.tidy(() => error(tf.randomNormal([30, 40])));
  pass();
  const { numTensors, numDataBuffers } = tf.memory();
  // Tensors of one array, so that no floats are allocated.
  const floats = new Float32Array(2048 ** 2);
  const repeat = (times: number) => {
    for (let i = 0; i < times; i++) {
      tf.tidy(() => {
        const weight = tf.tensor2d(floats, [2048, 2048]);
        quantizedLinear(tf.zeros([1, 2048]), weight, tf.zeros([2048]), options).dataSync();
      });
    }
  };
  repeat(5);
  const resident = process.memoryUsage().rss;
  repeat(100);
  pass();
  expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  // A hundred of 4 MiB.
  expect(process.memoryUsage().rss - resident).toBeLessThan(200 * 2 ** 20);
});

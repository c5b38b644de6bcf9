import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { roundHalfEven } from '../../test/adversarial.ts';
import { initialSteps, LearnedStepQuantizer, learnedStepQuantize } from './learned-step.ts';
import { dequantizeRows } from './weight-quantizers.ts';

beforeAll(() => tf.setBackend('cpu'));

const random = new Random(4);
const x = Float32Array.from({ length: 48 }, () => 2 * random.normal());
const upstream = Float32Array.from({ length: 48 }, () => random.normal());
const steps = [0.31, 0.7, 1.9];
const levels = { qMin: -4, qMax: 3 };
const clamp = (v: number) => Math.max(levels.qMin, Math.min(levels.qMax, v));

describe('learnedStepQuantize', () => {
  it('lies on the learned grid', () => {
    const result = learnedStepQuantize(tf.tensor2d(x, [3, 16]), tf.tensor1d(steps), levels).dataSync();
    x.forEach((value, i) => {
      const step = Math.fround(steps[Math.floor(i / 16)]!);
      expect(result[i]! + 0).toBe(Math.fround(clamp(roundHalfEven(value / step)) * step) + 0);
    });
  });

  it('has the gradients of the paper', () => {
    const [dx, dSteps] = tf.grads((x, steps) =>
      learnedStepQuantize(x, steps, levels)
        .mul(tf.tensor2d(upstream, [3, 16]))
        .sum(),
    )([tf.tensor2d(x, [3, 16]), tf.tensor1d(steps)]);
    const expected = [0, 0, 0];
    x.forEach((value, i) => {
      const group = Math.floor(i / 16);
      const v = value / Math.fround(steps[group]!);
      const inside = v > levels.qMin && v < levels.qMax;
      expect(dx!.dataSync()[i]).toBe(inside ? upstream[i] : 0);
      const slope = inside ? roundHalfEven(v) - v : clamp(v);
      expected[group]! += (upstream[i]! * slope) / Math.sqrt(16 * levels.qMax);
    });
    dSteps!.dataSync().forEach((value, group) => {
      expect(value).toBeCloseTo(expected[group]!, 5);
    });
  });

  it('has, outside the clipping range, the slope of central differences', () => {
    // There the function is exactly bound * step: differentiable, and the paper's estimate is no estimate.
    const far = tf.tensor1d([9, 8, -20, 30]);
    const value = (step: number) =>
      learnedStepQuantize(far, tf.tensor1d([step]), levels)
        .sum()
        .dataSync()[0]!;
    const gradient = tf.grad((step: tf.Tensor) => learnedStepQuantize(far, step, levels).sum())(
      tf.tensor1d([1]),
    );
    const difference = (value(1.001) - value(0.999)) / 0.002;
    expect(gradient.dataSync()[0]! * Math.sqrt(4 * levels.qMax)).toBeCloseTo(difference, 2);
  });

  it('counts what it is asked to in the scale of the gradient', () => {
    const gradient = (count?: number) =>
      tf
        .grad((step: tf.Tensor) => learnedStepQuantize(tf.tensor1d([9, 9]), step, levels, 'a', count).sum())(
          tf.tensor1d([1]),
        )
        .dataSync()[0]!;
    expect(gradient(8)).toBeCloseTo(gradient() / 2, 6);
  });

  it('names the site of a step that is not above 0', () => {
    for (const step of [0, -1, Number.NaN]) {
      expect(() => learnedStepQuantize(tf.tensor1d([1]), tf.tensor1d([step]), levels, 'a.key')).toThrow(
        '"a.key"',
      );
    }
  });
});

it('initialSteps is the start of the paper, and 1 for zeros', () => {
  const [first, second] = initialSteps([1, -2, 3, 0, 0, 0], 3, 7);
  expect(first).toBe(Math.fround((2 * 2) / Math.sqrt(7)));
  expect(second).toBe(1);
});

describe('LearnedStepQuantizer', () => {
  it.each([
    [4, 'channel'],
    [2, 'tensor'],
    [3, { group: 8 }],
  ] as const)('%i bits per %s: stores what it trained with', (bits, granularity) => {
    const weight = tf.tensor2d(x, [3, 16]);
    const quantizer = new LearnedStepQuantizer(weight, bits, granularity);
    const faked = [...quantizer.fakeQuantize(weight).dataSync()].map((value) => value + 0);
    expect(faked).toEqual(
      [...dequantizeRows(quantizer.quantize(weight)).dataSync()].map((value) => value + 0),
    );
    quantizer.dispose();
  });

  it('learns a step that lowers the error', () => {
    const weight = tf.tensor2d(x, [3, 16]);
    const quantizer = new LearnedStepQuantizer(weight, 3, 'channel');
    const loss = () => quantizer.fakeQuantize(weight).sub(weight).square().mean() as tf.Scalar;
    const before = loss().dataSync()[0]!;
    const optimizer = tf.train.sgd(1);
    for (let i = 0; i < 60; i++) optimizer.minimize(loss, false, [quantizer.steps]);
    expect(loss().dataSync()[0]!).toBeLessThan(0.9 * before);
    quantizer.dispose();
  });

  it('leaves no tensor behind', () => {
    const weight = tf.tensor2d(x, [3, 16]);
    const before = tf.memory().numTensors;
    const quantizer = new LearnedStepQuantizer(weight, 4, 'channel');
    for (let i = 0; i < 3; i++) {
      tf.dispose(
        tf.variableGrads(() => quantizer.fakeQuantize(weight).sum() as tf.Scalar, [quantizer.steps]),
      );
    }
    quantizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses one bit', () => {
    expect(() => new LearnedStepQuantizer(tf.zeros([1, 1]), 1, 'channel')).toThrow('1 bits');
  });
});

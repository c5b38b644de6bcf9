import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { variableGradients } from './variable-gradients.ts';

beforeAll(() => tf.setBackend('cpu'));

const SIZE = 1000;
let weight: tf.Variable;
let other: tf.Variable;
beforeEach(() => {
  tf.disposeVariables();
  weight = tf.variable(tf.linspace(-1, 1, SIZE), true, 'weight');
  other = tf.variable(tf.linspace(2, 1, SIZE), true, 'other');
});

/** Tensors that are read several times, and an op whose gradient is the very tensor that it was given. */
function loss(): tf.Scalar {
  const same = tf.customGrad((a, b) => ({
    value: tf.add(a as tf.Tensor, b as tf.Tensor),
    gradFunc: (dy) => [dy, dy],
  }));
  let x: tf.Tensor = weight.mul(other);
  for (let i = 0; i < 6; i++) {
    const y = same(x, weight);
    x = y.sin().add(y).add(x.square().mul(0.1)).add(same(y, y).mul(0.01));
  }
  return x.mul(other).mean();
}

it('gives the gradients of tf.variableGrads, and leaves no tensor but these', () => {
  const expected = tf.variableGrads(loss, [weight, other]);
  const before = tf.memory().numTensors;
  const { value, grads } = variableGradients(loss, [weight, other]);
  expect(tf.memory().numTensors).toBe(before + 3);
  expect(value.dataSync()).toEqual(expected.value.dataSync());
  for (const name of ['weight', 'other']) {
    expect(grads[name]!.dataSync()).toEqual(expected.grads[name]!.dataSync());
  }
});

it('holds less and less on its way back, where tf.variableGrads holds more and more', () => {
  const DEPTH = 20;
  const held = (gradients: typeof variableGradients) => {
    const bytes: number[] = [];
    const step = (x: tf.Tensor) =>
      tf.customGrad((input, save) => {
        (save as tf.GradSaveFunc)([input as tf.Tensor]);
        return {
          value: tf.sin(input as tf.Tensor),
          gradFunc: (dy, saved) => {
            bytes.push(tf.memory().numBytes);
            return tf.cos((saved as tf.Tensor[])[0]!).mul(dy as tf.Tensor);
          },
        };
      })(x);
    const { value, grads } = gradients(() => {
      let x: tf.Tensor = weight;
      for (let i = 0; i < DEPTH; i++) x = step(x);
      return x.sum();
    }, [weight]);
    tf.dispose([value, grads]);
    return bytes.at(-1)! - bytes[0]!;
  };
  expect(held(variableGradients)).toBeLessThanOrEqual(-4 * SIZE * (DEPTH - 5));
  expect(held(tf.variableGrads as typeof variableGradients)).toBeGreaterThanOrEqual(4 * SIZE * (DEPTH - 5));
});

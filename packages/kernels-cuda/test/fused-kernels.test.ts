import {
  AdamW,
  attention,
  fakeQuantize,
  fakeQuantizeRows,
  gelu,
  globalNorm,
  layerNorm,
  linear,
  minMax,
  quantizedLinear,
} from '@sdq/kernels';
import { cudaSetup, useCuda } from '@sdq/kernels-cuda';
import * as tf from '@tensorflow/tfjs';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { difference, normals } from '../../kernels/test/check-op.ts';
import { Operators } from '../src/operators.ts';

const grid = { scale: Math.fround(0.02), zeroPoint: 117, qMin: 0, qMax: 255 };
const backend = () => tf.backend() as NodeJSKernelBackend;
const tensorsOfTensorFlow = () => backend().binding.getNumOfTensors();

/** A loss that every kernel has a part in. */
function loss(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, offsets: Int32Array): tf.Tensor {
  const hidden = linear(fakeQuantize(x, grid), fakeQuantizeRows(weight, 8), bias);
  const attended = attention(hidden, quantizedLinear(x, weight, bias, { grid, bits: 8 }), hidden, offsets, 2);
  return layerNorm(gelu(attended), bias, bias, 1e-5).square().sum();
}

describe.skipIf(!cudaSetup())('the kernels on TensorFlow', () => {
  beforeEach(() => useCuda());

  it('leave no tensor of TensorFlow’s behind, nor does an optimizer', () => {
    const [x, bias] = [normals([17, 12], 1), normals([12], 3)];
    const weight = tf.variable(normals([12, 12], 2));
    const optimizer = new AdamW();
    const step = () => {
      const { value, grads } = tf.variableGrads(() => {
        const total = [
          [0, 17],
          [0, 5, 5, 6, 17],
        ].map((offsets) => loss(x, weight, bias, Int32Array.from(offsets)));
        return tf.addN(total) as tf.Scalar;
      }, [weight]);
      const gradient = grads[weight.name]!;
      globalNorm([gradient]);
      minMax(gradient);
      optimizer.step({ weight: gradient }, { weight }, { learningRate: 1e-3, weightDecay: () => 0.1 });
      tf.dispose([value, gradient]);
    };
    step();
    step();
    const count = tensorsOfTensorFlow();
    for (let i = 0; i < 3; i++) step();
    expect(tensorsOfTensorFlow()).toBe(count);
    optimizer.dispose();
    tf.dispose([x, weight, bias]);
  });

  it('free what they made when an operator refuses', () => {
    const t = new Operators(backend());
    const [x, y] = [tf.ones([2, 3]), tf.ones([4, 5])];
    // Brings both to TensorFlow.
    tf.tidy(() => [x.square(), y.square()]);
    const count = tensorsOfTensorFlow();
    const run = () => t.kernel(() => [t.matMul(t.hold(t.square(t.of(x))), t.square(t.of(y)))]);
    expect(run).toThrow('size-incompatible');
    expect(tensorsOfTensorFlow()).toBe(count);
    expect([...x.dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
    tf.dispose([x, y]);
  });

  it('can be taken away to compose the ops of tfjs’s, with the same results', async () => {
    const inputs = [normals([17, 12], 1), normals([12, 12], 2), normals([12], 3)];
    const offsets = Int32Array.of(0, 5, 5, 6, 17);
    const evaluate = () =>
      tf.tidy(() => {
        const value = tf.grads((x, weight, bias) => loss(x!, weight!, bias!, offsets))(inputs);
        return value.map((gradient) => gradient.dataSync().slice());
      });
    const fused = evaluate();
    expect(tf.getKernel('SdqAttention', 'tensorflow')).toBeDefined();
    await useCuda({ composed: true });
    expect(tf.getKernel('SdqAttention', 'tensorflow')).toBeUndefined();
    const composed = evaluate();
    fused.forEach((gradient, i) => {
      expect(difference(gradient, composed[i]!)).toBeLessThan(1e-4);
    });
    tf.dispose(inputs);
  });
});

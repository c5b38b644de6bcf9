import { Random } from '@sdq/core';
import { useSdqCpu } from '@sdq/kernels-cpu';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { difference, normals } from '../../kernels/test/check-op.ts';

beforeAll(useSdqCpu);
beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

/** Runs the same op on tfjs's cpu backend and on this one. */
async function bothBackends(run: () => tf.Tensor): Promise<[tf.Tensor, tf.Tensor]> {
  const ours = run();
  await tf.setBackend('cpu');
  const stock = run();
  await tf.setBackend('sdq-cpu');
  return [ours, stock];
}

async function expectSame(run: () => tf.Tensor, tolerance = 1e-5): Promise<void> {
  const [ours, stock] = await bothBackends(run);
  expect(ours.shape).toEqual(stock.shape);
  expect(ours.dtype).toBe(stock.dtype);
  expect(difference(ours.dataSync(), stock.dataSync())).toBeLessThan(tolerance);
}

for (const [a, b] of [
  [
    [7, 13],
    [7, 13],
  ],
  [[7, 13], []],
  [[], [7, 13]],
  [[7, 13], [13]],
  [
    [1, 13],
    [7, 13],
  ],
  [
    [7, 1],
    [7, 13],
  ],
  [
    [7, 1],
    [1, 13],
  ],
  [
    [2, 3, 4],
    [3, 4],
  ],
  [
    [300, 200],
    [300, 200],
  ],
  [[0, 3], [3]],
  [[1, 1], [1]],
] as const) {
  it(`add, sub and mul of [${a}] and [${b}] equal the stock kernels`, async () => {
    const [x, y] = [normals(a, 1), normals(b, 2)];
    await expectSame(() => x.add(y), 1e-7);
    await expectSame(() => x.sub(y), 1e-7);
    await expectSame(() => x.mul(y), 1e-7);
  });
}

it('integers and booleans go to the stock kernels', async () => {
  const x = tf.tensor1d([1, 2, 3], 'int32');
  await expectSame(() => x.add(x));
  await expectSame(() => x.cast('float32').mul(tf.tensor1d([1, 0, 1], 'bool').cast('float32')));
});

for (const [a, b, transposeA, transposeB] of [
  [[3, 4], [4, 5], false, false],
  [[4, 3], [5, 4], true, true],
  [[2, 3, 4], [2, 4, 5], false, false],
  [[2, 4, 3], [1, 4, 5], true, false],
  [[1, 3, 4], [2, 5, 4], false, true],
  [[4, 3, 2, 6], [4, 3, 6, 1], false, false],
  [[300, 70], [70, 200], false, false],
  [[0, 4], [4, 5], false, false],
  [[3, 0], [0, 5], false, false],
] as const) {
  it(`matMul of [${a}]${transposeA ? "'" : ''} and [${b}]${transposeB ? "'" : ''} equals the stock kernel`, () => {
    const [x, y] = [normals(a, 3), normals(b, 4)];
    return expectSame(() => tf.matMul(x, y, transposeA, transposeB));
  });
}

for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'prelu', 'leakyrelu'] as const) {
  it(`fused matMul with ${activation} equals the stock kernel`, () => {
    const [a, b, bias] = [
      normals([6, 7], 5) as tf.Tensor2D,
      normals([7, 8], 6) as tf.Tensor2D,
      normals([8], 7),
    ];
    return expectSame(() =>
      tf.fused.matMul({
        a,
        b,
        bias,
        activation,
        preluActivationWeights: tf.scalar(0.3),
        leakyreluAlpha: 0.1,
      }),
    );
  });
}

it('addN, tanh and softmax equal the stock kernels', async () => {
  const x = normals([70, 300], 8, 3);
  await expectSame(() => tf.addN([x, x, x]), 1e-6);
  await expectSame(() => x.tanh(), 1e-6);
  await expectSame(() => x.softmax(), 1e-6);
  await expectSame(() => tf.softmax(x.slice([0, 0], [70, 3])), 1e-6);
});

it('NaN stays NaN', () => {
  const x = tf.tensor2d([[1, Number.NaN, 2]]);
  for (const y of [x.tanh(), x.add(1), x.softmax()]) expect(y.dataSync()[1]).toBeNaN();
});

it('values that were read stay as they were when their buffer is lent again', () => {
  const x = normals([100, 100], 9);
  const sum = x.add(1);
  const held = sum.dataSync();
  const before = [...held];
  sum.dispose();
  for (let i = 0; i < 5; i++) x.mul(i).dispose();
  expect([...held]).toEqual(before);
});

it('random chains of ops agree with the stock backend while buffers come and go', async () => {
  const chain = () => {
    const random = new Random(10);
    let x: tf.Tensor = normals([33, 40], 11);
    for (let i = 0; i < 60; i++) {
      const ops = [
        (y: tf.Tensor) => y.add(normals([40], i)).tanh(),
        (y: tf.Tensor) => y.reshape([40, 33]).transpose(),
        (y: tf.Tensor) => tf.matMul(y as tf.Tensor2D, normals([40, 40], i, 0.2) as tf.Tensor2D),
        (y: tf.Tensor) => y.clone().softmax().mul(5),
        (y: tf.Tensor) => y.relu().sub(y.mean()),
      ];
      const previous = x;
      x = tf.tidy(() => ops[random.below(ops.length)]!(previous).reshape([33, 40]));
      previous.dispose();
    }
    return x;
  };
  await expectSame(chain, 1e-3);
});

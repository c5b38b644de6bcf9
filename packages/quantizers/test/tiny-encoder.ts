import { type EncoderOps, Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import type { CalibratedModel } from '../src/post-training/post-training.ts';

const HIDDEN = 32;
const WIDE = 64;

/** The operations that the tiny encoder needs, in plain ops. */
export const float = {
  linear: (_site, x, weight, bias) =>
    tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D, false, true), bias),
  layerNorm: (_site, x, gamma, beta, epsilon) => {
    const { mean, variance } = tf.moments(x, 1, true);
    return x.sub(mean).div(variance.add(epsilon).sqrt()).mul(gamma).add(beta);
  },
  gelu: (x) => tf.mul(x, tf.sigmoid(x.mul(1.702))),
  add: (a, b) => tf.add(a, b),
  tap: (_site, x) => x,
  dropout: (x) => x,
} as Partial<EncoderOps<tf.Tensor>> as EncoderOps<tf.Tensor>;

/** The outputs [tokens, hidden] of the tiny encoder. */
export function run(
  ops: EncoderOps<tf.Tensor>,
  parameters: ReadonlyMap<string, tf.Tensor>,
  x: tf.Tensor,
  kind: 'post-norm' | 'pre-norm',
): tf.Tensor {
  const find = (name: string) => parameters.get(name)!;
  const linear = (site: string, x: tf.Tensor) =>
    ops.linear(site, x, find(`${site}.weight`), find(`${site}.bias`));
  const norm = (site: string, x: tf.Tensor) =>
    ops.layerNorm(site, x, find(`${site}.weight`), find(`${site}.bias`), 1e-5);
  let hidden = kind === 'post-norm' ? ops.tap({ role: 'hidden' }, norm('norm', x)) : x;
  for (const [index, layer] of ['a', 'b'].entries()) {
    const input = kind === 'pre-norm' ? norm(`${layer}.norm`, hidden) : hidden;
    const gate = linear(`${layer}.gate`, input);
    const wide = ops.gelu(linear(`${layer}.up`, input));
    const sum = ops.add(ops.add(linear(`${layer}.down`, wide), gate), hidden);
    hidden =
      kind === 'post-norm' ? ops.tap({ role: 'hidden', layer: index }, norm(`${layer}.norm`, sum)) : sum;
  }
  return hidden;
}

/** A small random encoder of two layers, some of whose LayerNorm channels are ten times as large as the others. */
export function tinyEncoder(kind: 'post-norm' | 'pre-norm'): CalibratedModel<tf.Tensor> {
  const random = new Random(3);
  const parameters = new Map<string, tf.Tensor>();
  const draw = (shape: number[], scale: number, offset = 0) =>
    tf.tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => offset + scale * random.normal()),
      shape,
    );
  const linear = (site: string, out: number, inner: number) => {
    parameters.set(`${site}.weight`, draw([out, inner], 1 / Math.sqrt(inner)));
    parameters.set(`${site}.bias`, draw([out], 0.1));
  };
  const norm = (site: string) => {
    const gamma = Float32Array.from({ length: HIDDEN }, (_, i) =>
      i % 11 === 3 ? 10 : 0.5 + random.uniform(),
    );
    parameters.set(`${site}.weight`, tf.tensor1d(gamma));
    parameters.set(`${site}.bias`, draw([HIDDEN], 0.1));
  };
  if (kind === 'post-norm') norm('norm');
  for (const [index, layer] of ['a', 'b'].entries()) {
    linear(`${layer}.gate`, HIDDEN, HIDDEN);
    linear(`${layer}.up`, WIDE, HIDDEN);
    linear(`${layer}.down`, HIDDEN, WIDE);
    norm(`${layer}.norm`);
  }
  return { parameters, float, forward: (ops, parameters, x) => run(ops, parameters, x, kind) };
}

/** Calibration batches [tokens, hidden] with correlated channels. */
export function tinyBatches(count: number, seed = 8): tf.Tensor[] {
  const random = new Random(seed);
  const mixing = tf.tensor2d(
    Float32Array.from({ length: 8 * HIDDEN }, () => random.normal()),
    [8, HIDDEN],
  );
  return Array.from({ length: count }, () =>
    tf.tidy(() => {
      const draw = (rows: number, columns: number) =>
        tf.tensor2d(
          Float32Array.from({ length: rows * columns }, () => random.normal()),
          [rows, columns],
        );
      return tf.matMul(draw(40, 8), mixing).add(draw(40, HIDDEN).mul(0.2));
    }),
  );
}

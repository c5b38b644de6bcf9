import { Random, type TapPoint } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { loadCheckpoint } from '../files/checkpoint.ts';
import { encode, forward } from './encoder.ts';
import { FloatOps } from './float-ops.ts';

const folder = new URL('../../test/oracles/bert-sequence', import.meta.url).pathname;

it('drops only in training, and the same from the same seed', async () => {
  await tf.setBackend('cpu');
  const { config, head, tensors } = await loadCheckpoint(folder);
  const parameters = new Map(
    [...tensors].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const batch = { ids: Int32Array.of(0, 7, 8, 2), offsets: Int32Array.of(0, 4) };
  const logits = (ops: FloatOps) => [...forward(ops, config, parameters, batch, head!).logits.dataSync()];
  const training = () => new FloatOps({ dropout: new Random(1) });
  expect(logits(new FloatOps())).toEqual(logits(new FloatOps()));
  expect(logits(training())).toEqual(logits(training()));
  expect(logits(training())).not.toEqual(logits(new FloatOps()));
});

it('lets go of all that a layer computed on its way, save what a listener keeps', async () => {
  await tf.setBackend('cpu');
  const { config, tensors } = await loadCheckpoint(
    new URL('../../test/oracles/bert-sequence', import.meta.url).pathname,
  );
  const parameters = new Map(
    [...tensors].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  const batch = { ids: Int32Array.of(2, 5, 3), offsets: Int32Array.of(0, 3) };
  const before = tf.memory().numTensors;
  const plain = encode(new FloatOps(), config, parameters, batch);
  // The embeddings, and what each layer gives.
  expect(tf.memory().numTensors).toBe(before + 1 + config.layers);
  const heard: tf.Tensor[] = [];
  const onTap = ({ role }: TapPoint, x: tf.Tensor) => role === 'attention' && heard.push(x) > 0;
  const listened = encode(new FloatOps({ onTap }), config, parameters, batch);
  expect(heard).toHaveLength(config.layers);
  expect(heard.every((x) => Number.isFinite(x.sum().dataSync()[0]))).toBe(true);
  expect(listened.dataSync()).toEqual(plain.dataSync());
});

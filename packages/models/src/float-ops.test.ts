import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { loadCheckpoint } from './checkpoint.ts';
import { forward } from './encoder.ts';
import { FloatOps } from './float-ops.ts';

const folder = new URL('../test/oracles/bert-sequence', import.meta.url).pathname;

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

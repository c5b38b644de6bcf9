import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { predictClasses } from './predict.ts';

beforeAll(() => tf.setBackend('cpu'));

it('hands back each example its own classes, whatever order they were run in', async () => {
  const examples = Array.from({ length: 40 }, (_, i) => ({
    ids: Int32Array.from({ length: 3 + ((i * 7) % 11) }, () => i % 3),
    labels: Int32Array.of(0),
  }));
  const classify = ({ ids, offsets }: { ids: Int32Array; offsets: Int32Array }) =>
    tf.oneHot(
      tf.tensor1d(
        [...offsets.slice(0, -1)].map((at) => ids[at]!),
        'int32',
      ),
      3,
    );
  const before = tf.memory().numTensors;
  const predictions = await predictClasses(classify, examples);
  expect(predictions.map(([label]) => label)).toEqual(examples.map((_, i) => i % 3));
  expect(tf.memory().numTensors).toBe(before);
});

it('reads words at their first piece, and gives -1 to one that was cut off', async () => {
  const example = {
    ids: Int32Array.of(0, 1, 2, 1),
    labels: new Int32Array(4),
    firstPiece: Int32Array.of(1, 2, -1),
  };
  const classify = ({ ids }: { ids: Int32Array }) => tf.oneHot(tf.tensor1d(ids, 'int32'), 3);
  expect((await predictClasses(classify, [example])).map((words) => [...words])).toEqual([[1, 2, -1]]);
});

import type { EncodedExample } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { AgreementCounter, compareOn } from './agreement.ts';

beforeAll(() => tf.setBackend('cpu'));

it('counts predictions that differ, and how near to a tie they were', () => {
  const counter = new AgreementCounter();
  counter.add([1, 2, 0], [1, 2.5, 0]);
  counter.add([1, 1.25, 0], [1.5, 1.25, 0]);
  expect(counter.result()).toEqual({
    predictions: 2,
    different: 1,
    largestDifference: 0.5,
    meanDifference: 1 / 6,
    widestGap: 0.25,
  });
  const broken = new AgreementCounter();
  broken.add([0, 1], [Number.NaN, 1]);
  broken.merge(counter);
  expect(broken.result()).toMatchObject({ predictions: 3, different: 2, largestDifference: Infinity });
});

it('compares what counts: texts, first pieces of words, starts and ends', async () => {
  const example = (length: number, firstPiece: number[]): EncodedExample => ({
    ids: new Int32Array(length),
    labels: new Int32Array(length),
    firstPiece: Int32Array.from(firstPiece),
  });
  const encoded = [example(4, [1, -1]), example(3, [1, 2])];
  const set = { official: true, chunks: () => [{ gold: [], encoded, offsets: [0, 1, 2] }] };
  const constant = (rows: number, columns: number) => () => tf.zeros([rows, columns]);
  const external = (rows: number, columns: number) => ({
    // The second class of the second row, and nothing else.
    logits: async () => {
      const data = new Float32Array(rows * columns);
      data[columns + 1] = 1;
      return { shape: [rows, columns] as const, data };
    },
  });
  const compare = async (kind: Parameters<typeof compareOn>[1], rows: number, columns: number) =>
    (await compareOn(set, kind, constant(rows, columns), external(rows, columns))).result();
  expect(await compare('sequence-classification', 2, 3)).toMatchObject({ predictions: 2, different: 1 });
  // Batches begin with the shortest: its row 1 is a first piece.
  expect(await compare('token-classification', 7, 3)).toMatchObject({ predictions: 3, different: 1 });
  // The end of the first window.
  expect(await compare('question-answering', 7, 2)).toMatchObject({ predictions: 4, different: 1 });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '@sdq/core';
import { useSdqCpu } from '@sdq/kernels-cpu';
import {
  type EncoderBatch,
  type EncoderModel,
  FloatOps,
  familyOf,
  loadCheckpoint,
  loadQuantizedModel,
  logitsOf,
  tensorsFrom,
} from '@sdq/models';
import { createPlan, FakeQuantizedOps, quantize, resolvePlan, sitesOf } from '@sdq/quantizers';
import { fakeQuantizedClassifier, quantizedClassifier } from '@sdq/serve';
import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { calibratedModel, postTrainedModel } from './student.ts';

/** The vocabulary of the models, and the most tokens of a sequence. */
const [PIECES, LONGEST] = [120, 22];

/** How far logits of about 1 move by float rounding, and where that moves a value to the next step of its grid. */
const [ROUNDING, ONE_STEP] = [1e-5, 0.05];

const folder = (name: string) =>
  fileURLToPath(new URL(`../../../models/test/oracles/${name}`, import.meta.url));

function offsetsOf(lengths: readonly number[]): Int32Array {
  let end = 0;
  return Int32Array.of(0, ...lengths.map((length) => (end += length)));
}

function batchOf(random: Random, lengths: readonly number[], tokenTypes: number): EncoderBatch {
  const offsets = offsetsOf(lengths);
  const draw = (below: number) => Int32Array.from({ length: offsets.at(-1)! }, () => random.below(below));
  return { ids: draw(PIECES), offsets, tokenTypes: draw(tokenTypes) };
}

async function quantizedModel(name: string) {
  const random = new Random(3);
  const checkpoint = await loadCheckpoint(folder(name));
  const model: EncoderModel = {
    config: checkpoint.config,
    head: checkpoint.head!,
    parameters: tensorsFrom(checkpoint.tensors),
  };
  const { tokenTypes } = model.config;
  const plan = resolvePlan(
    createPlan('w8a8'),
    sitesOf(model.parameters),
    familyOf(model.config.family).roleOf,
  );
  const batches = [0, 1, 2].map(() => batchOf(random, [3, LONGEST, 9], tokenTypes));
  const result = await quantize(calibratedModel(model), batches, createPlan('w8a8'));
  const grids = new Map(result.grids);
  return { model, plan, grids, quantized: postTrainedModel(model, result), random, tokenTypes };
}

function logits(classify: (batch: EncoderBatch) => tf.Tensor, batch: EncoderBatch): number[] {
  return tf.tidy(() => [...classify(batch).dataSync()]);
}

/** How far two lists of logits lie apart, the smallest distance first. */
function distances(a: readonly number[], b: readonly number[]): number[] {
  expect(a.length).toBe(b.length);
  return a.map((value, i) => Math.abs(value - b[i]!)).sort((a, b) => a - b);
}

beforeEach(() => useSdqCpu());

describe.each([
  'bert-sequence',
  'bert-token-bf16',
  'bert-answer',
  'xlm-roberta-sequence-fp16',
  'xlm-roberta-token',
])('%s in integers', (name) => {
  it('gives the logits of quantization-aware training to the last bit, and those of floats on the grids', async () => {
    const { model, plan, grids, quantized, random, tokenTypes } = await quantizedModel(name);
    const integer = quantizedClassifier(quantized);
    const floats = fakeQuantizedClassifier(quantized);
    // In training, products are integers and the rest is the float interpreter.
    const training = (batch: EncoderBatch) =>
      logitsOf(model, new FakeQuantizedOps(new FloatOps(), plan, { grids }), batch);
    for (const lengths of [[1], [5, 1, LONGEST], [LONGEST, LONGEST, 3, 7, 7], [2, 2]]) {
      const batch = batchOf(random, lengths, tokenTypes);
      const found = logits(integer.classify, batch);
      expect(found).toEqual(logits(training, batch));
      const errors = distances(found, logits(floats.classify, batch));
      expect(errors[errors.length >> 1]).toBeLessThan(ROUNDING);
      expect(errors.at(-1)).toBeLessThan(ONE_STEP);
    }
  });

  it('gives a sequence of a batch what it gives it alone', async () => {
    const { quantized, random, tokenTypes } = await quantizedModel(name);
    const { classify } = quantizedClassifier(quantized);
    const { ids, offsets, tokenTypes: types } = batchOf(random, [4, LONGEST, 1, 9], tokenTypes);
    const alone = [0, 1, 2, 3].flatMap((i) => {
      const [start, end] = [offsets[i]!, offsets[i + 1]!];
      return logits(classify, {
        ids: ids.slice(start, end),
        offsets: Int32Array.of(0, end - start),
        tokenTypes: types!.slice(start, end),
      });
    });
    expect(distances(alone, logits(classify, { ids, offsets, tokenTypes: types! })).at(-1)).toBe(0);
  });
});

describe('a model that the compressed-tensors library made', () => {
  const read = async (name: string) => {
    const { sequences, logits } = JSON.parse(readFileSync(join(folder(name), 'oracle.json'), 'utf8')) as {
      sequences: number[][];
      logits: number[];
    };
    const offsets = offsetsOf(sequences.map(({ length }) => length));
    const quantized = await loadQuantizedModel(folder(name));
    return { quantized, expected: logits, batch: { ids: Int32Array.from(sequences.flat()), offsets } };
  };

  it.each(['sdq-cpu', 'cpu'])('gives the logits of the library on %s', async (backend) => {
    await tf.setBackend(backend);
    const { quantized, expected, batch } = await read('bert-sequence-int8');
    const { classify, dispose } = quantizedClassifier(quantized);
    expect(distances(logits(classify, batch), expected).at(-1)).toBeLessThan(1e-4);
    dispose();
  });

  it('runs in floats where columns have scales in groups and tokens grids of their own', async () => {
    const { quantized, batch } = await read('bert-sequence-packed');
    expect(quantized.perToken!.size).toBe(8);
    const found = logits(quantizedClassifier(quantized).classify, batch);
    await tf.setBackend('cpu');
    const same = logits(quantizedClassifier(quantized).classify, batch);
    expect(distances(found, same).at(-1)).toBeLessThan(ROUNDING);
    const { perToken: _, ...inFloats } = quantized;
    const other = logits(quantizedClassifier(inFloats).classify, batch);
    expect(distances(same, other).at(-1)).toBeGreaterThan(ROUNDING);
    expect(distances(same, other).at(-1)).toBeLessThan(0.1);
  });

  it('runs without a tensor that stays, in memory that stays', async () => {
    const { quantized, batch } = await read('bert-sequence-int8');
    const before = tf.memory().numTensors;
    const { classify, dispose } = quantizedClassifier(quantized);
    for (let i = 0; i < 50; i++) logits(classify, batch);
    expect(tf.memory().numTensors).toBe(before);
    dispose();
    expect(() => logits(classify, batch)).toThrow('disposed');
  });
});

describe('bad input of a model in integers', () => {
  const tokens = (...ids: number[]) => ({ ids: Int32Array.from(ids), offsets: Int32Array.of(0, ids.length) });

  it.each([
    ['no rows', { ids: new Int32Array(0), offsets: Int32Array.of(0) }, 'bad-data', 'empty'],
    [
      'a sequence of none',
      { ids: Int32Array.of(1), offsets: Int32Array.of(0, 1, 1) },
      'bad-data',
      'no tokens',
    ],
    ['too long a sequence', tokens(...new Array(LONGEST + 3).fill(5)), 'too-long', 'at most 24'],
    ['an unknown piece', tokens(5, PIECES), 'bad-value', '"embeddings.word_embeddings" has 120 rows'],
  ])('%s is refused', async (_, batch, code, message) => {
    const { classify } = quantizedClassifier((await quantizedModel('bert-sequence')).quantized);
    const run = () => logits(classify, batch);
    expect(run).toThrow(expect.objectContaining({ name: 'SdqError', code }));
    expect(run).toThrow(message);
    expect(logits(classify, tokens(5, 6))).toHaveLength(3);
  });

  it('NaN and infinity are refused, with the site that they reach first', async () => {
    const { quantized } = await quantizedModel('bert-sequence');
    for (const [parameter, site, value] of [
      ['embeddings.LayerNorm.bias', 'encoder.layer.0.attention.self.query', Number.NaN],
      ['encoder.layer.1.intermediate.dense.bias', 'encoder.layer.1.output.dense', Number.POSITIVE_INFINITY],
      ['encoder.layer.1.attention.self.value.bias', 'encoder.layer.1.attention.output.dense', Number.NaN],
    ] as const) {
      const floats = new Map(quantized.floats);
      const data = floats.get(parameter)!.data.slice();
      data[1] = value;
      floats.set(parameter, { shape: [data.length], data });
      const { classify } = quantizedClassifier({ ...quantized, floats });
      const run = () => logits(classify, tokens(5, 6));
      expect(run).toThrow(expect.objectContaining({ code: 'bad-value' }));
      expect(run).toThrow(`"${site}" holds NaN or infinity`);
    }
  });

  it('parameters that lack or do not fit are refused', async () => {
    const { quantized } = await quantizedModel('bert-sequence');
    const without = new Map(quantized.floats);
    without.delete('pooler.dense.bias');
    expect(() => quantizedClassifier({ ...quantized, floats: without })).toThrow('"pooler.dense.bias"');
    const weights = new Map(quantized.weights);
    weights.set('classifier.weight', { ...weights.get('classifier.weight')!, shape: [3, 31] });
    expect(() => quantizedClassifier({ ...quantized, weights })).toThrow('"classifier" takes rows of 31');
    const grids = new Map(quantized.grids).set('classifier', { scale: 1, zeroPoint: 0, qMin: 0, qMax: 256 });
    expect(() => quantizedClassifier({ ...quantized, grids })).toThrow('does not fit a byte');
  });
});

import { readFile } from 'node:fs/promises';
import { type EncoderBatch, type TapRole, tapKey } from '@sdq/core';
import { attention, linear } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Checkpoint, loadCheckpoint } from '../files/checkpoint.ts';
import { applyHead, encode, forward } from './encoder.ts';
import { FloatOps } from './float-ops.ts';

interface Oracle {
  readonly sequences: readonly number[][];
  readonly tokenTypes: readonly number[][];
  readonly hidden: readonly number[][];
  readonly logits?: readonly number[];
  readonly loss?: number;
  readonly gradients?: Readonly<Record<string, readonly number[]>>;
}

const models = [
  'bert-sequence',
  'bert-token-bf16',
  'bert-answer',
  'bert-base-sharded',
  'xlm-roberta-sequence-fp16',
  'xlm-roberta-token',
];

describe.each(models)('%s, against the transformers library', (name) => {
  const folder = new URL(`../../test/oracles/${name}`, import.meta.url).pathname;
  let checkpoint: Checkpoint;
  let oracle: Oracle;
  let parameters: Map<string, tf.Variable>;

  beforeAll(async () => {
    await tf.setBackend('cpu');
    checkpoint = await loadCheckpoint(folder);
    oracle = JSON.parse(await readFile(`${folder}/oracle.json`, 'utf8')) as Oracle;
    parameters = new Map(
      [...checkpoint.tensors].map(([key, { data, shape }]) => [key, tf.tensor(data, [...shape]).variable()]),
    );
  });

  it('gives the same hidden states after every layer', () => {
    const { config } = checkpoint;
    const seen = new Map<string, tf.Tensor>();
    encode(
      new FloatOps({ onTap: (point, x) => seen.set(tapKey(point), x).size > 0 }),
      config,
      parameters,
      pack(oracle),
    );
    const keys = ['hidden', 'hidden.0', 'hidden.1'];
    for (const [i, key] of keys.entries()) expectClose(seen.get(key), oracle.hidden[i], 1e-5);
  });

  it('shows at its taps what each module of a layer gives', () => {
    const { config } = checkpoint;
    const batch = pack(oracle);
    const seen = new Map<string, tf.Tensor>();
    encode(
      new FloatOps({ onTap: (point, x) => seen.set(tapKey(point), x).size > 0 }),
      config,
      parameters,
      batch,
    );
    const at = (role: TapRole) => seen.get(tapKey({ role, layer: 1 }))!;
    const dense = (site: string, x: tf.Tensor) =>
      linear(
        x,
        parameters.get(`encoder.layer.1.${site}.weight`)!,
        parameters.get(`encoder.layer.1.${site}.bias`)!,
      );
    const before = seen.get('hidden.0')!;
    for (const role of ['query', 'key', 'value'] as const) {
      const expected = dense(`attention.self.${role}`, before);
      expectClose(at(role), [...expected.dataSync()], 1e-6);
    }
    const [q, k, v] = (['query', 'key', 'value'] as const).map(at);
    const attended = attention(q!, k!, v!, batch.offsets, config.heads);
    expectClose(at('attention'), [...attended.dataSync()], 1e-6);
    const projected = dense('attention.output.dense', attended);
    expectClose(at('attention-output'), [...projected.dataSync()], 1e-6);
    expect(seen.size).toBe(1 + 8 * config.layers);
  });

  it('gives the same logits, loss and gradients', () => {
    const { config, head } = checkpoint;
    if (head === undefined || oracle.gradients === undefined) return;
    const batch = pack(oracle);
    const logits = forward(new FloatOps(), config, parameters, batch, head).logits;
    expectClose(logits, oracle.logits, 1e-5);

    const variables = [...parameters.values()];
    const { value, grads } = tf.variableGrads(() => {
      const rows = forward(new FloatOps(), config, parameters, batch, head).logits;
      const [count = 0, labels = 0] = rows.shape;
      const targets = tf.oneHot(tf.range(0, count, 1, 'int32').mod(tf.scalar(labels, 'int32')), labels);
      return tf.losses.softmaxCrossEntropy(targets, rows) as tf.Scalar;
    }, variables);
    expect(value.dataSync()[0]).toBeCloseTo(oracle.loss ?? Number.NaN, 5);
    for (const [parameter, expected] of Object.entries(oracle.gradients)) {
      expectClose(grads[parameters.get(parameter)?.name ?? ''], expected, 1e-4);
    }
  });

  it('gives a packed sequence what it gives the sequence alone', () => {
    const { config } = checkpoint;
    const batch = pack(oracle);
    const together = encode(new FloatOps(), config, parameters, batch);
    for (const [i, sequence] of oracle.sequences.entries()) {
      const alone = encode(new FloatOps(), config, parameters, pack(oracle, i));
      const rows = together.slice([batch.offsets[i] ?? 0, 0], [sequence.length, config.hiddenSize]);
      expectClose(alone, [...rows.dataSync()], 1e-6);
    }
  });
});

describe('encode', () => {
  const folder = new URL('../../test/oracles/xlm-roberta-token', import.meta.url).pathname;
  const ids = (length: number) => new Int32Array(length).fill(5);

  it.each([
    ['a sequence beyond the positions', { ids: ids(23), offsets: Int32Array.of(0, 23) }, 'at most 22'],
    ['offsets short of the tokens', { ids: ids(5), offsets: Int32Array.of(0, 4) }, 'from 0 to its 5 tokens'],
    ['falling offsets', { ids: ids(5), offsets: Int32Array.of(0, 6, 5) }, 'fall at sequence 1'],
    [
      'an unknown token type',
      { ids: ids(2), offsets: Int32Array.of(0, 2), tokenTypes: Int32Array.of(0, 1) },
      'Token type 1',
    ],
  ])('refuses %s', async (_, batch, message) => {
    const { config } = await loadCheckpoint(folder);
    expect(() => encode(new FloatOps(), config, new Map(), batch)).toThrow(message);
  });

  it('names a missing parameter', async () => {
    const { config } = await loadCheckpoint(folder);
    const batch = { ids: ids(2), offsets: Int32Array.of(0, 2) };
    expect(() => encode(new FloatOps(), config, new Map(), batch)).toThrow(
      '"embeddings.word_embeddings.weight"',
    );
  });

  it('refuses a sequence without tokens under a sequence head', async () => {
    const { config } = await loadCheckpoint(folder);
    const head = { kind: 'sequence-classification', labels: ['a'] } as const;
    const batch = { ids: ids(2), offsets: Int32Array.of(0, 2, 2) };
    expect(() => applyHead(new FloatOps(), config, new Map(), tf.zeros([2, 32]), batch, head)).toThrow(
      'Sequence 1',
    );
  });
});

function pack(oracle: Oracle, only?: number): EncoderBatch {
  const chosen = oracle.sequences.filter((_, i) => only === undefined || i === only);
  const types = oracle.tokenTypes.filter((_, i) => only === undefined || i === only);
  const offsets = [0];
  for (const sequence of chosen) offsets.push((offsets.at(-1) ?? 0) + sequence.length);
  return {
    ids: Int32Array.from(chosen.flat()),
    offsets: Int32Array.from(offsets),
    tokenTypes: Int32Array.from(types.flat()),
  };
}

function expectClose(
  found: tf.Tensor | undefined,
  expected: readonly number[] | undefined,
  tolerance: number,
) {
  const values = found?.dataSync() ?? [];
  expect(values.length).toBe(expected?.length);
  let worst = 0;
  for (let i = 0; i < values.length; i++) worst = Math.max(worst, Math.abs(values[i]! - expected![i]!));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

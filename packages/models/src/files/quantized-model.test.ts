import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AffineGrid, Site } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { forward } from '../families/encoder.ts';
import { FloatOps } from '../families/float-ops.ts';
import { loadCheckpoint } from './checkpoint.ts';
import {
  isQuantizedModel,
  loadQuantizedModel,
  type QuantizedModel,
  saveQuantizedModel,
} from './quantized-model.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const oracles = new URL('../../test/oracles/', import.meta.url).pathname;
const int8 = join(oracles, 'bert-sequence-int8');
const packed = join(oracles, 'bert-sequence-packed');
const folder = temporaryFolder();

beforeAll(() => tf.setBackend('cpu'));

describe.each([
  ['int8', int8],
  ['packed, in groups, with dynamic inputs', packed],
])('a model that the compressed-tensors library made: %s', (_, path) => {
  it('gives the logits that the library gives', async () => {
    const model = await loadQuantizedModel(path);
    const oracle = JSON.parse(await readFile(join(path, 'oracle.json'), 'utf8')) as {
      sequences: number[][];
      logits: number[];
    };
    const offsets = [0];
    for (const sequence of oracle.sequences) offsets.push((offsets.at(-1) ?? 0) + sequence.length);
    const batch = { ids: Int32Array.from(oracle.sequences.flat()), offsets: Int32Array.from(offsets) };
    const ops = new RoundedInputs(model);
    const logits = forward(ops, model.config, floats(model), batch, model.head).logits.dataSync();
    expect(logits.length).toBe(oracle.logits.length);
    for (const [i, logit] of logits.entries()) expect(logit).toBeCloseTo(oracle.logits[i] ?? Number.NaN, 4);
  });

  it('is saved again with the same tensors and groups', async () => {
    const model = await loadQuantizedModel(path);
    await saveQuantizedModel(folder.path, model);
    expect(await tensorsOf(folder.path)).toEqual(await tensorsOf(path));
    const [own, theirs] = await Promise.all([folder.path, path].map(quantizationOf));
    expect(sorted(theirs)).toMatchObject(sorted(own));
    expect(await loadQuantizedModel(folder.path)).toEqual(model);
  });
});

describe('saveQuantizedModel', () => {
  it('keeps every kind of grid and number of bits', async () => {
    const model = await changed((grids) => {
      grids.set('classifier', { scale: 1, zeroPoint: 0, qMin: 0, qMax: 0 });
      grids.set('pooler.dense', { scale: Math.fround(0.1), zeroPoint: 15, qMin: 0, qMax: 15 });
    });
    const narrow = model.weights.get('pooler.dense.weight')!;
    const weights = new Map(model.weights).set('pooler.dense.weight', {
      ...narrow,
      bits: 4,
      values: narrow.values.map((value) => Math.trunc(value / 18.2)),
    });
    await saveQuantizedModel(folder.path, { ...model, weights });
    expect(await loadQuantizedModel(folder.path)).toEqual({ ...model, weights });
  });

  it.each([4, 3, 2, 1])('packs %i bits into as many bits', async (bits) => {
    const model = await changed(() => undefined);
    const { shape, scales } = model.weights.get('pooler.dense.weight')!;
    const levels =
      bits === 1 ? [-1, 1] : Array.from({ length: 2 ** bits - 1 }, (_, i) => i - 2 ** (bits - 1) + 1);
    const values = Int8Array.from(
      { length: shape[0] * shape[1] },
      (_, i) => levels[(i * 7) % levels.length]!,
    );
    const rows = {
      bits,
      shape,
      values,
      scales: Float32Array.from([...scales, ...scales]),
      groupSize: shape[1] / 2,
    };
    const weights = new Map(model.weights).set('pooler.dense.weight', rows);
    await saveQuantizedModel(folder.path, { ...model, weights });
    expect(await loadQuantizedModel(folder.path)).toEqual({ ...model, weights });
    const { tensors } = await readSafetensorsHeader(join(folder.path, 'model.safetensors'));
    expect(tensors.get('bert.pooler.dense.weight_packed')!.bytes).toBe((shape[0] * shape[1] * bits) / 8);
  });

  it('stores the entries of a codebook once, and a byte a block', async () => {
    const model = await withCodebook();
    await saveQuantizedModel(folder.path, model);
    expect(await loadQuantizedModel(folder.path)).toEqual(model);
    const { tensors } = await readSafetensorsHeader(join(folder.path, 'model.safetensors'));
    const { shape } = model.weights.get('pooler.dense.weight')!;
    const stored = [...tensors].filter(([name]) => name.startsWith('bert.pooler.dense.weight'));
    expect(stored.reduce((sum, [, { bytes }]) => sum + bytes, 0)).toBe((shape[0] * shape[1]) / 4 + 3 * 4 + 4);
  });

  it.each([
    ['a code beyond the entries', { codes: new Uint8Array(256).fill(3) }, 'the entry 3 of 3'],
    ['an entry that 8 bits cannot hold', { entries: new Int8Array(12).fill(-128) }, 'holds -128'],
    ['more entries than a byte can name', { entries: new Int8Array(257 * 4) }, 'no codebook for'],
  ])('refuses to load %s', async (_, change, message) => {
    const model = await withCodebook();
    const rows = model.weights.get('pooler.dense.weight')!;
    const codebook = { ...rows.codebook!, ...change };
    const weights = new Map(model.weights).set('pooler.dense.weight', { ...rows, codebook });
    await saveQuantizedModel(folder.path, { ...model, weights });
    await expect(loadQuantizedModel(folder.path)).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['a signed grid', { scale: 1, zeroPoint: 0, qMin: -128, qMax: 127 }],
    ['a zero point off the grid', { scale: 1, zeroPoint: 300, qMin: 0, qMax: 255 }],
    ['a scale of zero', { scale: 0, zeroPoint: 3, qMin: 0, qMax: 255 }],
  ])('refuses %s', async (_, grid) => {
    const model = await changed((grids) => grids.set('classifier', grid));
    await expect(saveQuantizedModel(folder.path, model)).rejects.toMatchObject({
      code: 'bad-value',
      message: expect.stringContaining('"classifier"'),
    });
  });

  it('refuses a grid without a quantized weight', async () => {
    const model = await changed((grids) => grids.set('nowhere', grids.get('classifier')!));
    await expect(saveQuantizedModel(folder.path, model)).rejects.toThrow('"nowhere"');
  });
});

describe('loadQuantizedModel', () => {
  it('refuses integers that the bits cannot hold', async () => {
    await changeConfig((text) => text.replaceAll('"num_bits": 8', '"num_bits": 4'));
    await expect(loadQuantizedModel(folder.path)).rejects.toThrow('more than 4 bits can');
  });

  it.each([
    ['dynamic activations', '"dynamic": false', '"dynamic": true'],
    ['another format', '"format": "int-quantized"', '"format": "naive-quantized"'],
    ['another library', 'compressed-tensors', 'gptq'],
  ])('refuses %s', async (_, from, to) => {
    await changeConfig((text) => text.replaceAll(from, to));
    await expect(loadQuantizedModel(folder.path)).rejects.toMatchObject({ code: 'bad-checkpoint' });
  });

  it.each([
    ['groups that do not divide', '"group_size": 16', '"group_size": 12', 'groups of 12 do not divide'],
    ['groups without a size', '"group_size": 16', '"group_size": null', 'group_size'],
    ['the bits of another packing', '"num_bits": 3', '"num_bits": 5', 'weight_packed'],
    ['1 bit in a format that has none', '"num_bits": 2', '"num_bits": 1', 'format'],
  ])('refuses %s', async (_, from, to, message) => {
    await changeConfig((text) => text.replaceAll(from, to), packed);
    await expect(loadQuantizedModel(folder.path)).rejects.toThrow(message);
    await expect(loadQuantizedModel(folder.path)).rejects.toMatchObject({
      code: expect.stringMatching(/^bad-(checkpoint|shape)$/),
    });
  });

  it('is distinguished from a float model', async () => {
    expect(await isQuantizedModel(int8)).toBe(true);
    expect(await isQuantizedModel(join(oracles, 'bert-sequence'))).toBe(false);
    await expect(loadCheckpoint(int8)).rejects.toThrow('loadQuantizedModel');
    await expect(loadQuantizedModel(join(oracles, 'bert-sequence'))).rejects.toThrow('quantization_config');
  });
});

/** Rounds each linear layer's input to its grid, on top of floats. */
class RoundedInputs extends FloatOps {
  constructor(private readonly model: QuantizedModel) {
    super();
  }

  override linear(site: Site, x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    const { grids } = this.model;
    const grid = grids.get(site);
    if (!grid) return super.linear(site, x, weight, bias);
    const { scale, zeroPoint, qMin, qMax } = grid;
    const rounded = x.div(scale).add(zeroPoint).round().clipByValue(qMin, qMax).sub(zeroPoint).mul(scale);
    return super.linear(site, rounded, weight, bias);
  }
}

function floats(model: QuantizedModel): Map<string, tf.Tensor> {
  const parameters = new Map<string, tf.Tensor>();
  for (const [name, { shape, data }] of model.floats) parameters.set(name, tf.tensor(data, [...shape]));
  for (const [name, { shape, values, scales, groupSize }] of model.weights) {
    const [rows, columns] = shape;
    const size = groupSize ?? columns;
    const data = Float32Array.from(values, (value, i) => value * scales[Math.floor(i / size)]!);
    parameters.set(name, tf.tensor(data, [rows, columns]));
  }
  return parameters;
}

/** A model of which one weight is made of three blocks. */
async function withCodebook(): Promise<QuantizedModel> {
  const model = await loadQuantizedModel(int8);
  const { shape } = model.weights.get('pooler.dense.weight')!;
  const entries = Int8Array.of(1, 2, 3, 4, -127, 0, 5, 127, 9, 8, 7, 6);
  const codes = Uint8Array.from({ length: (shape[0] * shape[1]) / 4 }, (_, i) => (i * i) % 3);
  const values = Int8Array.from(
    { length: shape[0] * shape[1] },
    (_, i) => entries[4 * codes[i >> 2]! + (i & 3)]!,
  );
  const scales = new Float32Array(shape[0]).fill(0.01);
  const rows = { bits: 8, shape, values, scales, codebook: { blockSize: 4, entries, codes } };
  return { ...model, weights: new Map(model.weights).set('pooler.dense.weight', rows) };
}

async function changed(change: (grids: Map<Site, AffineGrid>) => unknown): Promise<QuantizedModel> {
  const model = await loadQuantizedModel(int8);
  const grids = new Map(model.grids);
  change(grids);
  return { ...model, grids };
}

async function changeConfig(change: (text: string) => string, from = int8): Promise<void> {
  await cp(from, folder.path, { recursive: true });
  const path = join(folder.path, 'config.json');
  await writeFile(path, change(await readFile(path, 'utf8')));
}

async function tensorsOf(path: string): Promise<Map<string, string>> {
  const { tensors } = await readSafetensorsHeader(join(path, 'model.safetensors'));
  return new Map([...tensors].map(([name, { dtype, shape }]) => [name, `${dtype} ${shape}`]));
}

/** Groups by their targets, since their order says nothing. */
function sorted(quantization: object | undefined): object {
  const { config_groups, ...rest } = quantization as { config_groups: Record<string, { targets: string[] }> };
  const groups = Object.values(config_groups).map((group) => ({
    ...group,
    targets: [...group.targets].sort(),
  }));
  return { ...rest, groups: groups.sort((a, b) => (a.targets[0]! < b.targets[0]! ? -1 : 1)) };
}

async function quantizationOf(path: string): Promise<object> {
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as {
    quantization_config: object;
  };
  // The library also lists what it left alone.
  return { ...config.quantization_config, ignore: undefined };
}

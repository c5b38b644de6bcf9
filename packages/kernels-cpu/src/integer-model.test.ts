import { Worker } from 'node:worker_threads';
import { type AffineGrid, type EncoderOps, type Layout, Random, type Site, type TapPoint } from '@sdq/core';
import type { ForwardPass, IntegerParameters } from '@sdq/kernels';
import { describe, expect, it } from 'vitest';
import {
  attentionReference,
  geluReference,
  layerNormReference,
  linearReference,
  roundHalfEven,
} from '../../kernels/test/references.ts';
import { IntegerModel } from './integer-model.ts';

/** Rows of float64: what {@link ReferenceOps} computes with. */
interface Rows {
  readonly width: number;
  readonly data: Float64Array;
}

/** What a model with these parameters should give, in float64 and plain loops. */
class ReferenceOps implements EncoderOps<Rows> {
  constructor(private readonly parameters: IntegerParameters) {}

  parameter(name: string): Rows {
    const { weights, floats } = this.parameters;
    const rows = weights.get(name);
    if (rows) {
      const [, width] = rows.shape;
      const { groupSize = width } = rows;
      const value = (value: number, i: number) => value * rows.scales[Math.floor(i / groupSize)]!;
      return { width, data: Float64Array.from(rows.values, value) };
    }
    const { shape, data } = floats.get(name)!;
    return { width: shape.at(-1)!, data: Float64Array.from(data) };
  }

  embed(_site: Site, ids: Int32Array, { width, data }: Rows): Rows {
    const rows = [...ids].flatMap((id) => [...data.subarray(id * width, (id + 1) * width)]);
    return { width, data: Float64Array.from(rows) };
  }

  linear(site: Site, x: Rows, weight: Rows, bias: Rows): Rows {
    const grid = this.parameters.grids.get(site);
    const input = grid ? x.data.map((value) => onGrid(value, grid)) : x.data;
    return { width: bias.width, data: linearReference(x.width)(input, weight.data, bias.data) };
  }

  attention(_site: Site, q: Rows, k: Rows, v: Rows, { offsets }: Layout, heads: number): Rows {
    return { ...q, data: attentionReference(offsets, heads, q.width)(q.data, k.data, v.data) };
  }

  layerNorm(_site: Site, x: Rows, gamma: Rows, beta: Rows, epsilon: number): Rows {
    return { ...x, data: layerNormReference(epsilon)(x.data, gamma.data, beta.data) };
  }

  gelu(x: Rows): Rows {
    return { ...x, data: geluReference(x.data) };
  }

  tanh(x: Rows): Rows {
    return { ...x, data: x.data.map(Math.tanh) };
  }

  add(a: Rows, b: Rows): Rows {
    return { ...a, data: a.data.map((value, i) => value + b.data[i]!) };
  }

  dropout(x: Rows): Rows {
    return x;
  }

  firstTokens({ width, data }: Rows, { offsets }: Layout): Rows {
    const rows = [...offsets.slice(0, -1)].flatMap((at) => [...data.subarray(at * width, (at + 1) * width)]);
    return { width, data: Float64Array.from(rows) };
  }

  tap(_point: TapPoint, x: Rows): Rows {
    return x;
  }
}

function onGrid(value: number, { scale, zeroPoint, qMin, qMax }: AffineGrid): number {
  const step = roundHalfEven(Math.fround(Math.fround(value) / Math.fround(scale))) + zeroPoint;
  return (Math.min(qMax, Math.max(qMin, step)) - zeroPoint) * Math.fround(scale);
}

/** Parameters by their names: weights in integers unless `inFloats` names them. */
function parametersOf(
  shapes: Readonly<Record<string, readonly number[]>>,
  grids: Readonly<Record<Site, AffineGrid>>,
  inFloats: readonly string[] = [],
): IntegerParameters {
  const random = new Random(8);
  const weights: [string, ReturnType<typeof integers>][] = [];
  const floats: [string, { shape: readonly number[]; data: Float32Array }][] = [];
  const integers = (rows: number, columns: number) => ({
    bits: 8,
    shape: [rows, columns] as const,
    values: Int8Array.from({ length: rows * columns }, () => random.below(255) - 127),
    scales: Float32Array.from({ length: rows }, () => (0.5 + random.uniform()) / 70 / Math.sqrt(columns)),
  });
  for (const [name, shape] of Object.entries(shapes)) {
    const [rows, columns] = shape as [number, number?];
    if (columns !== undefined && !inFloats.includes(name)) {
      weights.push([name, integers(rows, columns)]);
      continue;
    }
    const scale = columns === undefined ? 0.5 : 1 / Math.sqrt(columns);
    const shift = name.endsWith('gamma') ? 1 : 0;
    const data = Float32Array.from({ length: rows * (columns ?? 1) }, () => shift + scale * random.normal());
    floats.push([name, { shape, data }]);
  }
  return { weights: new Map(weights), grids: new Map(Object.entries(grids)), floats: new Map(floats) };
}

const grid = (scale: number, zeroPoint = 128, qMax = 255): AffineGrid => ({
  scale,
  zeroPoint,
  qMin: 0,
  qMax,
});

interface Batch extends Layout {
  readonly ids: Int32Array;
}

const batchOf = (rows: number, lengths: readonly number[], seed = 1): Batch => {
  const random = new Random(seed);
  let end = 0;
  const offsets = Int32Array.of(0, ...lengths.map((length) => (end += length)));
  return { ids: Int32Array.from({ length: end }, () => random.below(rows)), offsets };
};

/** Compares a model with the reference on batches of several shapes. */
function check(pass: (batch: Batch) => ForwardPass, parameters: IntegerParameters, rows: number): void {
  const model = IntegerModel.create(pass(batchOf(rows, [1])), parameters);
  const reference = new ReferenceOps(parameters);
  for (const lengths of [[1], [7, 1, 30], [150], [1, 1, 1, 1], [33, 2]]) {
    const batch = pass(batchOf(rows, lengths));
    const { values, shape } = model.run(batch);
    const expected = batch(reference, (name) => reference.parameter(name));
    expect(shape[0] * shape[1]).toBe(values.length);
    expect([shape[1], values.length]).toEqual([expected.width, expected.data.length]);
    const errors = [...values].map((value, i) => Math.abs(value - expected.data[i]!)).sort((a, b) => a - b);
    // That of float rounding, save where it moves a value to the next step of its grid.
    expect(errors[Math.floor(0.9 * errors.length)]).toBeLessThan(1e-5);
    expect(errors.at(-1)).toBeLessThan(0.05);
  }
  model.dispose();
}

/** A block of an encoder with attention, and a head on the first tokens. */
const block =
  ({ ids, offsets }: Batch): ForwardPass =>
  (ops, parameter) => {
    const linear = <T>(ops: EncoderOps<T>, name: string, x: T, find: (name: string) => T) =>
      ops.linear(name, x, find(`${name}.weight`), find(`${name}.bias`));
    const words = ops.embed('words', ids, parameter('words.weight'));
    const types = ops.embed('types', new Int32Array(ids.length), parameter('types.weight'));
    const sum = ops.add(words, types);
    const x = ops.layerNorm('norm', sum, parameter('norm.gamma'), parameter('norm.beta'), 1e-5);
    const [q, k, v] = ['query', 'key', 'value'].map((name) => linear(ops, name, x, parameter));
    const context = ops.attention('self', q!, k!, v!, { offsets }, 3);
    const attended = ops.add(linear(ops, 'output', context, parameter), x);
    const wide = ops.gelu(linear(ops, 'wide', ops.tap({ role: 'attention' }, attended), parameter));
    const first = ops.firstTokens(ops.dropout(linear(ops, 'narrow', wide, parameter), 0.1), { offsets });
    return linear(ops, 'classifier', ops.tanh(first), parameter);
  };

const shapes = {
  'words.weight': [50, 36],
  'types.weight': [2, 36],
  'norm.gamma': [36],
  'norm.beta': [36],
  ...Object.fromEntries(
    (
      [
        ['query', 36, 36],
        ['key', 36, 36],
        ['value', 36, 36],
        ['output', 36, 36],
        ['wide', 70, 36],
        ['narrow', 36, 70],
        ['classifier', 5, 36],
      ] as const
    ).flatMap(([name, rows, columns]) => [
      [`${name}.weight`, [rows, columns]],
      [`${name}.bias`, [rows]],
    ]),
  ),
};

const grids = {
  query: grid(0.03),
  key: grid(0.03),
  value: grid(0.03),
  output: grid(0.02),
  wide: grid(0.035, 120),
  narrow: grid(0.02, 9),
  classifier: grid(0.008),
};

describe('a model in integers gives what float64 gives', () => {
  it('with every weight and input in integers', () => {
    check(block, parametersOf(shapes, grids), 50);
  });

  it('with floats among them: tables, linears, and inputs of integer weights', () => {
    const { key: _, narrow: __, ...others } = grids;
    check(block, parametersOf(shapes, others, ['types.weight', 'narrow.weight']), 50);
  });

  it('with scales for groups of columns, in tables and in linears of float inputs', () => {
    const { narrow: _, ...others } = grids;
    const parameters = parametersOf(shapes, others);
    const weights = new Map(parameters.weights);
    for (const [name, groupSize] of [
      ['words.weight', 12],
      ['narrow.weight', 35],
    ] as const) {
      const rows = weights.get(name)!;
      const groups = rows.shape[1] / groupSize;
      const scales = Float32Array.from(
        { length: rows.scales.length * groups },
        (_, i) => rows.scales[Math.floor(i / groups)]! * (1 + (i % groups)),
      );
      weights.set(name, { ...rows, groupSize, scales });
    }
    check(block, { ...parameters, weights }, 50);
    expect(() =>
      IntegerModel.create(block(batchOf(50, [1])), {
        ...parameters,
        weights,
        grids: new Map(Object.entries(grids)),
      }),
    ).toThrow('"narrow.weight" has scales for groups of columns');
  });

  it('with nothing in integers', () => {
    check(block, parametersOf(shapes, {}, Object.keys(shapes)), 50);
  });

  it('with grids that differ for query, key and value, of fewer steps, and of zero alone', () => {
    const other = { ...grids, key: grid(0.06, 60, 127), value: grid(0.5, 7, 15) };
    check(block, parametersOf(shapes, other), 50);
    check(block, parametersOf(shapes, { ...grids, output: grid(1, 0, 0) }), 50);
  });

  it('with one value read as floats and on two grids, a step that nothing reads, and an output amid the pass', () => {
    const pass =
      ({ ids }: Batch): ForwardPass =>
      (ops, parameter) => {
        const x = ops.embed('words', ids, parameter('words.weight'));
        const linear = (name: string) =>
          ops.linear(name, x, parameter(`${name}.weight`), parameter(`${name}.bias`));
        const sum = ops.add(ops.tanh(linear('key')), ops.add(x, ops.gelu(linear('value'))));
        const normed = ops.layerNorm('norm', sum, parameter('norm.gamma'), parameter('norm.beta'), 1e-5);
        const result = ops.gelu(ops.add(ops.gelu(normed), linear('query')));
        ops.tanh(result);
        return result;
      };
    const { query: _, ...two } = { ...grids, value: grid(0.05) };
    check(pass, parametersOf(shapes, two), 50);
  });
});

describe('a model in integers', () => {
  const model = () => IntegerModel.create(block(batchOf(50, [1])), parametersOf(shapes, grids));

  it('keeps its memory from the largest batch on', () => {
    const integer = model();
    const run = (lengths: readonly number[]) => integer.run(block(batchOf(50, lengths))).values;
    const first = run([40, 1, 300]);
    const { bufferBytes } = integer.profile();
    // Rows of floats [36, 3 * 36] and bytes [70], and a few more.
    expect(bufferBytes / 341).toBeLessThan(4 * (3 * 36 + 3 * 36) + 2 * 70);
    const repeat = (times: number) => {
      for (let i = 0; i < times; i++) run([1 + (i % 300), 40]);
    };
    repeat(200);
    const resident = process.memoryUsage().rss;
    repeat(1000);
    expect(process.memoryUsage().rss - resident).toBeLessThan(32 * 2 ** 20);
    expect(integer.profile().bufferBytes).toBe(bufferBytes);
    expect(run([40, 1, 300])).toEqual(first);
    expect(integer.profile().seconds.integerLinear).toBeGreaterThan(0);
  });

  it('refuses what does not fit, and goes on', () => {
    const integer = model();
    const good = batchOf(50, [3, 2]);
    const refuse = (batch: Batch, code: string, message: string) => {
      const run = () => integer.run(block(batch));
      expect(run).toThrow(expect.objectContaining({ name: 'SdqError', code }));
      expect(run).toThrow(message);
    };
    refuse({ ids: new Int32Array(0), offsets: Int32Array.of(0) }, 'bad-data', 'empty');
    refuse({ ...good, offsets: Int32Array.of(0, 4) }, 'bad-data', 'from 0 to its 5 tokens');
    refuse({ ...good, offsets: Int32Array.of(0, 6, 5) }, 'bad-data', 'fall at sequence 1');
    refuse({ ...good, offsets: Int32Array.of(0, 0, 5) }, 'bad-data', 'Sequence 0 has no tokens');
    refuse({ ...good, ids: Int32Array.of(0, 1, 50, 3, 4) }, 'bad-value', 'token 2 asks for row 50');
    refuse({ ...good, ids: Int32Array.of(0, 1, -1, 3, 4) }, 'bad-value', 'token 2 asks for row -1');
    expect(() => integer.run((ops, parameter) => ops.tanh(block(good)(ops, parameter)))).toThrow('differs');
    expect(integer.run(block(good)).shape).toEqual([2, 5]);
    integer.dispose();
    integer.dispose();
    expect(() => integer.run(block(good))).toThrow('disposed');
  });

  it('is opened by other threads, which run at the same time and outlive the first', async () => {
    const integer = model();
    const batch = batchOf(50, [20, 3, 100]);
    const { values } = integer.run(block(batch));
    const shared = integer.share();
    const second = IntegerModel.open(shared);
    const worker = new URL('../test/integer-worker.mjs', import.meta.url);
    const workerData = {
      number: shared.number,
      indices: [batch.ids, new Int32Array(batch.ids.length)],
      offsets: batch.offsets,
      length: values.length,
    };
    const answers = [0, 1, 2].map(
      () =>
        new Promise((resolve, reject) => {
          new Worker(worker, { workerData }).once('message', resolve).once('error', reject);
        }),
    );
    for (let i = 0; i < 50; i++) expect(integer.run(block(batch)).values).toEqual(values);
    expect(await Promise.all(answers)).toEqual([values, values, values]);
    integer.dispose();
    expect(second.run(block(batch)).values).toEqual(values);
    second.dispose();
    expect(() => IntegerModel.open(shared)).toThrow('was disposed');
  });
});

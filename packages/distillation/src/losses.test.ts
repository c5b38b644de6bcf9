import {
  type DistillationContext,
  type DistillationLoss,
  Random,
  type TapPoint,
  type TapRole,
  type Taps,
  tapKey,
} from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { attentionMapAndOutput } from './attention-map-and-output.ts';
import { attentionMapKl } from './attention-map-kl.ts';
import { attentionOutputKl } from './attention-output-kl.ts';
import { attentionOutputMse } from './attention-output-mse.ts';
import { hiddenCosine } from './hidden-cosine.ts';
import { hiddenMse } from './hidden-mse.ts';
import { logitKl } from './logit-kl.ts';
import { projectedAttentionMse } from './projected-attention-mse.ts';
import { selfAttentionRelations } from './self-attention-relations.ts';

beforeAll(() => tf.setBackend('cpu'));

const MODEL = { layers: 3, heads: 2, hiddenSize: 8 };
const CLASSES = 3;
// Sequences of several lengths, one of them empty.
const LENGTHS = [3, 0, 1, 4];
const TAPS: readonly TapRole[] = ['query', 'key', 'value', 'attention', 'attention-output', 'hidden'];

/** What a model shows, in float64: rows of numbers, by site. */
type Shown = ReadonlyMap<string, readonly (readonly number[])[]>;
const LOGITS = 'logits';

function draw(seed: number, hiddenSize = MODEL.hiddenSize): Shown {
  const random = new Random(seed);
  const rows = (width: number) =>
    Array.from({ length: sum(LENGTHS) }, () =>
      Array.from({ length: width }, () => Math.fround(random.normal())),
    );
  const sites = range(MODEL.layers).flatMap((layer) => TAPS.map((role) => tapKey({ role, layer })));
  return new Map([[LOGITS, rows(CLASSES)], ...sites.map((site) => [site, rows(hiddenSize)] as const)]);
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;
const offsetsOf = (lengths: readonly number[]) =>
  Int32Array.from(range(lengths.length + 1), (i) => sum(lengths.slice(0, i)));
const layerRows = (shown: Shown, layer: number, role: string) => shown.get(`${role}.${layer}`)!;
const pointOf = (key: string): TapPoint => {
  const [role, layer] = key.split('.') as [TapRole, string];
  return { role, layer: Number(layer) };
};
const part = (row: readonly number[], index: number, parts: number) =>
  row.slice((index * row.length) / parts, ((index + 1) * row.length) / parts);
const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((x, i) => x * b[i]!));
const squares = (a: readonly number[], b: readonly number[]) => sum(a.map((x, i) => (x - b[i]!) ** 2));

/** KL(softmax(t / temperature) || softmax(s / temperature)). */
function divergence(t: readonly number[], s: readonly number[], temperature = 1): number {
  const logSoftmax = (values: readonly number[]) => {
    const scaled = values.map((value) => value / temperature);
    const logSum = Math.log(sum(scaled.map(Math.exp)));
    return scaled.map((value) => value - logSum);
  };
  const [p, q] = [logSoftmax(t), logSoftmax(s)];
  return sum(p.map((logP, i) => Math.exp(logP) * (logP - q[i]!)));
}

type Reference = (teacher: Shown, student: Shown, lengths: readonly number[]) => number;

/** The mean over layers and token rows of a distance between the rows of a tap. */
const overRows =
  (
    layers: readonly number[],
    tap: string,
    distance: (t: readonly number[], s: readonly number[]) => number,
  ) =>
  (teacher: Shown, student: Shown): number =>
    mean(
      layers.flatMap((layer) => {
        const rows = layerRows(student, layer, tap);
        return layerRows(teacher, layer, tap).map((t, i) => distance(t, rows[i]!));
      }),
    );

const headDivergence = (t: readonly number[], s: readonly number[]) =>
  mean(range(MODEL.heads).map((head) => divergence(part(t, head, MODEL.heads), part(s, head, MODEL.heads))));
const squaredError = (t: readonly number[], s: readonly number[]) => squares(t, s) / t.length;
const cosineDistance = (t: readonly number[], s: readonly number[]) =>
  1 - dot(t, s) / Math.sqrt(dot(t, t) * dot(s, s));

const ALL = range(MODEL.layers);

/** The divergence between relations of a query with the keys of its sequence, the mean over layers, heads and rows. */
const overRelations =
  (layers: readonly number[], heads: number, queries: string, keys: string): Reference =>
  (teacher, student, lengths) => {
    const offsets = offsetsOf(lengths);
    const scores = (shown: Shown, layer: number, head: number, row: number, sequence: number) => {
      const query = part(layerRows(shown, layer, queries)[row]!, head, heads);
      const all = layerRows(shown, layer, keys).slice(offsets[sequence], offsets[sequence + 1]);
      return all.map((key) => dot(query, part(key, head, heads)) / Math.sqrt(query.length));
    };
    return mean(
      layers.flatMap((layer) =>
        range(heads).flatMap((head) =>
          range(lengths.length).flatMap((sequence) =>
            range(lengths[sequence]!).map((i) => {
              const at = [layer, head, offsets[sequence]! + i, sequence] as const;
              return divergence(scores(teacher, ...at), scores(student, ...at));
            }),
          ),
        ),
      ),
    );
  };

const attentionMaps = overRelations(ALL, MODEL.heads, 'query', 'key');
const projections = overRows(ALL, 'attention-output', squaredError);
const relations = (layers: readonly number[], heads: number): readonly Reference[] =>
  (['query', 'key', 'value'] as const).map((name) => overRelations(layers, heads, name, name));

describe.each<[string, DistillationLoss, Reference]>([
  [
    'logit-kl',
    logitKl(2),
    (t, s) => mean(t.get(LOGITS)!.map((row, i) => 4 * divergence(row, s.get(LOGITS)![i]!, 2))),
  ],
  ['att-kld', attentionOutputKl(), overRows(ALL, 'attention', headDivergence)],
  [
    'att-kld of the last layer',
    attentionOutputKl({ layers: 'last' }),
    overRows([2], 'attention', headDivergence),
  ],
  ['att-mse', attentionOutputMse(), overRows(ALL, 'attention', squaredError)],
  ['att-projection-mse', projectedAttentionMse(), projections],
  ['att-map-kl', attentionMapKl(), attentionMaps],
  [
    'att-map-output',
    attentionMapAndOutput({ map: 2, output: 0.5 }),
    (...models) => 2 * attentionMaps(...models) + 0.5 * projections(models[0], models[1]),
  ],
  [
    'minilm-relations of the last layer',
    selfAttentionRelations(),
    (...models) => sum(relations([2], MODEL.heads).map((reference) => reference(...models))),
  ],
  [
    'minilm-relations of more relation heads',
    selfAttentionRelations({ layers: [0, 1], relationHeads: 4 }),
    (...models) => sum(relations([0, 1], 4).map((reference) => reference(...models))),
  ],
  ['hidden-mse of two layers', hiddenMse({ layers: [0, 2] }), overRows([0, 2], 'hidden', squaredError)],
  ['hidden-cosine', hiddenCosine(), overRows(ALL, 'hidden', cosineDistance)],
])('%s', (_name, loss, reference) => {
  const teacher = draw(1);
  const student = draw(2);
  const expected = reference(teacher, student, LENGTHS);
  const read = [...student.keys()].filter((site) =>
    loss.name === 'logit-kl' ? site === LOGITS : loss.taps(pointOf(site), MODEL),
  );

  it('equals the float64 reference', () => {
    expect(read.length).toBeGreaterThan(0);
    expect(Math.abs(lossOf(loss, teacher, student) - expected) / expected).toBeLessThan(2e-6);
  });

  it('has the gradient of the reference by central differences, and leaves no tensor behind', () => {
    const gradients = gradientsOf(loss, teacher, student, read);
    const step = 1e-5;
    const slopes = read.map((site) =>
      student.get(site)!.flatMap((row, i) =>
        row.map((x, j) => {
          const at = (value: number) =>
            reference(
              teacher,
              new Map([...student, [site, student.get(site)!.with(i, row.with(j, value))]]),
              LENGTHS,
            );
          return (at(x + step) - at(x - step)) / (2 * step);
        }),
      ),
    );
    const largest = Math.max(...slopes.flat().map(Math.abs));
    for (const [which, gradient] of gradients.entries()) {
      const errors = slopes[which]!.map((slope, i) => Math.abs(slope - gradient[i]!) / largest);
      expect(Math.max(...errors)).toBeLessThan(1e-5);
    }
    const count = tf.memory().numTensors;
    for (let i = 0; i < 5; i++) gradientsOf(loss, teacher, student, read);
    expect(tf.memory().numTensors).toBe(count);
  });

  it('is zero, with a zero gradient, for a student that equals its teacher', () => {
    expect(Math.abs(lossOf(loss, teacher, teacher))).toBeLessThanOrEqual(1e-7);
    const gradients = gradientsOf(loss, teacher, teacher, read);
    expect(Math.max(...gradients.flatMap((values) => [...values].map(Math.abs)))).toBeLessThanOrEqual(1e-7);
  });

  it('does not depend on how sequences are packed', () => {
    const at = (order: readonly number[]) =>
      lossOf(
        loss,
        repacked(teacher, order),
        repacked(student, order),
        order.map((i) => LENGTHS[i]!),
      );
    const tokens = sum(LENGTHS);
    expect(at([3, 2, 1, 0])).toBeCloseTo(expected, 6);
    expect((at([0, 2]) * 4 + at([3, 1]) * 4) / tokens).toBeCloseTo(expected, 6);
  });
});

describe('across hidden sizes', () => {
  it.each<[string, DistillationLoss, readonly Reference[]]>([
    ['att-map-kl', attentionMapKl(), [attentionMaps]],
    ['minilm-relations', selfAttentionRelations({ layers: 'all', relationHeads: 4 }), relations(ALL, 4)],
  ])('%s equals the float64 reference', (_name, loss, references) => {
    const [teacher, student] = [draw(1, 12), draw(2)];
    const expected = sum(references.map((reference) => reference(teacher, student, LENGTHS)));
    const value = tf.tidy(() => {
      const context = { ...contextOf(LENGTHS), teacher: { ...MODEL, hiddenSize: 12 } };
      return loss.compute(tapsOf(teacher), tapsOf(student), context).dataSync()[0]!;
    });
    expect(Math.abs(value - expected) / expected).toBeLessThan(2e-6);
  });
});

/** The rows of some sequences, in another order. */
function repacked(shown: Shown, order: readonly number[]): Shown {
  const offsets = offsetsOf(LENGTHS);
  return new Map(
    [...shown].map(([site, rows]) => [site, order.flatMap((i) => rows.slice(offsets[i], offsets[i + 1]))]),
  );
}

function tapsOf(shown: Shown): Taps {
  const tensors = [...shown].map(
    ([site, rows]) => [site, tf.tensor2d(rows.flat(), [rows.length, rows[0]!.length])] as const,
  );
  return { logits: tensors[0]![1], shown: new Map(tensors.slice(1)) };
}

function contextOf(lengths: readonly number[]): DistillationContext {
  return { offsets: offsetsOf(lengths), teacher: MODEL, student: MODEL };
}

function lossOf(loss: DistillationLoss, teacher: Shown, student: Shown, lengths = LENGTHS): number {
  const value = tf.tidy(() => loss.compute(tapsOf(teacher), tapsOf(student), contextOf(lengths)));
  const [number] = value.dataSync();
  value.dispose();
  return number!;
}

/** The gradients at some sites of the student. */
function gradientsOf(loss: DistillationLoss, teacher: Shown, student: Shown, sites: readonly string[]) {
  return tf.tidy(() => {
    const own = tapsOf(student);
    const points = sites.map((site) => (site === LOGITS ? own.logits : own.shown.get(site)!));
    const at = (...xs: tf.Tensor[]) => {
      const changed = new Map([...own.shown, ...sites.map((site, i) => [site, xs[i]!] as const)]);
      const taps = { logits: changed.get(LOGITS) ?? own.logits, shown: changed };
      return loss.compute(tapsOf(teacher), taps, contextOf(LENGTHS));
    };
    return tf
      .grads(at)(points)
      .map((gradient) => gradient.dataSync());
  });
}

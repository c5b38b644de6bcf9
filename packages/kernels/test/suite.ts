import { hash32, SdqError } from '@sdq/core';
import {
  AdamW,
  attention,
  attentionKl,
  cosineDistance,
  dropout,
  embedding,
  fakeQuantize,
  fakeQuantizeRows,
  gelu,
  globalNorm,
  IGNORED_LABEL,
  layerNorm,
  linear,
  meanSquaredError,
  minMax,
  quantizedLinear,
  quantizeRows,
  relationKl,
  softmaxCrossEntropy,
  softmaxKl,
  spanRows,
} from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkOp, difference, normals } from './check-op.ts';
import {
  attentionReference,
  cosineDistanceReference,
  crossEntropyReference,
  geluReference,
  layerNormReference,
  linearReference,
  quantizedLinearReference,
  relationKlReference,
  roundHalfEven,
  softmaxKlReference,
  spanCrossEntropyReference,
  spanKlReference,
  sum,
} from './references.ts';

function errorCode(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return error instanceof SdqError ? error.code : String(error);
  }
  return undefined;
}

/** What the claims of the ops leave to a backend. */
interface BackendTraits {
  /** Whether its arithmetic takes float32 numbers below 2^-126 for zero, as TensorFlow's does. */
  readonly flushesSubnormals?: boolean;
  /** Bound on the relative error of float32 products over hundreds of terms; 1e-5 unless the backend sums in an order of its own. */
  readonly productTolerance?: number;
}

/** The claims that every op of @sdq/kernels makes, checked on one backend. */
export function describeOps(
  backend: string,
  setUp: () => Promise<unknown>,
  { flushesSubnormals = false, productTolerance = 1e-5 }: BackendTraits = {},
): void {
  describe(`the ops on ${backend}`, () => {
    beforeAll(async () => {
      await setUp();
      expect(tf.getBackend()).toBe(backend);
    });
    beforeEach(() => tf.engine().startScope());
    afterEach(() => tf.engine().endScope());

    describe('linear', () => {
      for (const [m, k, n] of [
        [1, 1, 1],
        [3, 5, 2],
        [17, 33, 65],
        [70, 48, 130],
      ] as const) {
        it(`equals its reference at ${m} x ${k} x ${n}`, () =>
          checkOp({
            inputs: [normals([m, k], 1), normals([n, k], 2), normals([n], 3)],
            run: (x, weight, bias) => linear(x!, weight!, bias!),
            reference: linearReference(k),
          }));
      }

      it('gives no rows of no rows', () => {
        expect(linear(tf.zeros([0, 3]), tf.zeros([2, 3]), tf.zeros([2])).shape).toEqual([0, 2]);
      });

      it('refuses shapes that do not fit', () => {
        const weight = tf.zeros([2, 3]);
        expect(errorCode(() => linear(tf.zeros([4, 2]), weight, tf.zeros([2])))).toBe('bad-shape');
        expect(errorCode(() => linear(tf.zeros([4, 3]), weight, tf.zeros([3])))).toBe('bad-shape');
      });
    });

    describe('quantizedLinear', () => {
      const byteGrid = { scale: Math.fround(0.02), zeroPoint: 117, qMin: 0, qMax: 255 };
      for (const [m, k, n, bits, grid] of [
        [1, 1, 1, 8, byteGrid],
        [3, 5, 2, 8, byteGrid],
        [17, 33, 65, 8, byteGrid],
        [97, 530, 40, 8, byteGrid],
        [70, 48, 130, 4, { ...byteGrid, zeroPoint: 0 }],
        [70, 48, 130, 2, byteGrid],
        [9, 30, 20, 8, { ...byteGrid, zeroPoint: 0, qMin: -128, qMax: 127 }],
        [9, 30, 20, 8, { ...byteGrid, scale: Math.fround(0.001), qMin: -2000, qMax: 2000 }],
        [4, 3, 2, 8, { scale: 1, zeroPoint: 0, qMin: 0, qMax: 0 }],
      ] as const) {
        const name = `${m} x ${k} x ${n}, ${bits} bits, steps ${grid.qMin - grid.zeroPoint} to ${grid.qMax - grid.zeroPoint}`;
        it(`equals its float64 reference, with its gradients: ${name}`, () => {
          const rows = normals([n, k], 2);
          // A row of zeros has no scale.
          const weight = n > 2 ? tf.concat([rows.slice(1), tf.zeros([1, k])]) : rows;
          const inputs = [normals([m, k], 1), weight, normals([n], 3)];
          const dy = normals([m, n], 4);
          const run = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
            quantizedLinear(x, weight, bias, { grid, bits });
          const exact = quantizedLinearReference(
            [...inputs, dy].map((tensor) => tensor.dataSync()),
            k,
            {
              scale: grid.scale,
              low: grid.qMin - grid.zeroPoint,
              high: grid.qMax - grid.zeroPoint,
              levels: 2 ** (bits - 1) - 1,
            },
          );
          const evaluate = () =>
            tf.tidy(() => {
              const [x, weight, bias] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
              const value = run(x, weight, bias).dataSync();
              const slopes = tf.grads((x, weight, bias) => run(x!, weight!, bias!).mul(dy).sum())(inputs);
              return [value, ...slopes.map((slope) => slope.dataSync())];
            });
          const [value, dx, dWeight, dBias] = evaluate();
          expect(difference(value!, exact.value)).toBeLessThan(productTolerance);
          expect(difference(dx!, exact.dx)).toBeLessThan(productTolerance);
          expect(difference(dWeight!, exact.dWeight)).toBeLessThan(productTolerance);
          expect(difference(dBias!, exact.dBias)).toBeLessThan(productTolerance);
          const count = tf.memory().numTensors;
          for (let i = 0; i < 3; i++) evaluate();
          expect(tf.memory().numTensors).toBe(count);
        });
      }

      it('gives no rows of no rows, and the bias of no columns', () => {
        const options = { grid: byteGrid, bits: 8 };
        const empty = quantizedLinear(tf.zeros([0, 3]), tf.zeros([2, 3]), tf.zeros([2]), options);
        expect(empty.shape).toEqual([0, 2]);
        const bias = tf.tensor1d([1, 2]);
        expect([...quantizedLinear(tf.zeros([1, 0]), tf.zeros([2, 0]), bias, options).dataSync()]).toEqual([
          1, 2,
        ]);
      });

      it('refuses what does not fit, and names the site of NaN and infinity', () => {
        const [x, weight, bias] = [tf.ones([4, 3]), tf.ones([2, 3]), tf.zeros([2])];
        const options = { grid: byteGrid, bits: 8, site: 'encoder.layer.3' };
        expect(errorCode(() => quantizedLinear(tf.ones([4, 2]), weight, bias, options))).toBe('bad-shape');
        expect(errorCode(() => quantizedLinear(x, weight, tf.zeros([3]), options))).toBe('bad-shape');
        expect(errorCode(() => quantizedLinear(x, weight, bias, { ...options, bits: 9 }))).toBe('bad-option');
        const noGrid = { ...options, grid: { ...byteGrid, scale: Number.NaN } };
        expect(errorCode(() => quantizedLinear(x, weight, bias, noGrid))).toBe('bad-value');
        const count = tf.memory().numTensors;
        for (const bad of [Number.NaN, Infinity, -Infinity]) {
          const name = '"encoder.layer.3" holds NaN';
          expect(() => tf.tidy(() => quantizedLinear(x.mul(bad), weight, bias, options).dataSync())).toThrow(
            name,
          );
          expect(() => tf.tidy(() => quantizedLinear(x, weight.mul(bad), bias, options).dataSync())).toThrow(
            name,
          );
        }
        expect(tf.memory().numTensors).toBe(count);
      });
    });

    describe('gelu', () => {
      it('equals its reference', () =>
        checkOp({
          inputs: [normals([7, 11], 4, 3)],
          run: (x) => gelu(x!),
          reference: geluReference,
          tolerance: 2e-6,
        }));

      it('ends in 0 and x far out', () => {
        const y = gelu(tf.tensor1d([-40, -1e30, 0, 40, 1e30])).dataSync();
        expect([...y].map(Math.abs)).toEqual([0, 0, 0, 40, Math.fround(1e30)]);
      });
    });

    describe('dropout', () => {
      it('keeps the elements whose hash says so, on every backend the same', () => {
        const x = normals([5, 1000], 5);
        const y = dropout(x, 0.3, 42).dataSync();
        const scale = Math.fround(1 / 0.7);
        const expected = (x.dataSync() as Float32Array).map((x, i) =>
          hash32(42, i) >= 0.3 * 2 ** 32 ? x * scale : 0,
        );
        expect([...y].map(Math.abs)).toEqual([...expected].map(Math.abs));
      });

      it('has the mask for its gradient', () => {
        const x = tf.ones([50]);
        const gradient = tf.grad((x) => dropout(x, 0.5, 7).sum())(x);
        expect([...gradient.dataSync()]).toEqual([...dropout(x, 0.5, 7).dataSync()]);
      });

      it('is the identity at rate 0 and refuses rate 1', () => {
        expect([...dropout(tf.tensor1d([1, 2]), 0, 1).dataSync()]).toEqual([1, 2]);
        expect(errorCode(() => dropout(tf.ones([1]), 1, 1))).toBe('bad-option');
      });
    });

    describe('layerNorm', () => {
      for (const hidden of [3, 32, 70]) {
        it(`equals its reference at width ${hidden}`, () =>
          checkOp({
            inputs: [normals([45, hidden], 6, 2), normals([hidden], 7), normals([hidden], 8)],
            run: (x, gamma, beta) => layerNorm(x!, gamma!, beta!, 1e-5),
            reference: layerNormReference(1e-5),
            tolerance: 2e-5,
          }));
      }
    });

    describe('attention', () => {
      for (const [name, offsets, heads, hidden] of [
        ['one token', [0, 1], 1, 4],
        ['uneven and empty sequences', [0, 5, 5, 6, 17], 2, 12],
        ['more rows than a block', [0, 140], 1, 3],
        ['heads wider than a vector', [0, 37, 53], 2, 46],
      ] as const) {
        const layout = Int32Array.from(offsets);
        const tokens = layout[layout.length - 1]!;
        it(`equals its reference: ${name}`, () =>
          checkOp({
            inputs: [9, 10, 11].map((seed) => normals([tokens, hidden], seed)),
            run: (q, k, v) => attention(q!, k!, v!, layout, heads),
            reference: attentionReference(layout, heads, hidden),
          }));
      }

      it('refuses offsets and heads that do not fit', () => {
        const x = tf.zeros([4, 6]);
        expect(errorCode(() => attention(x, x, x, Int32Array.of(0, 3), 2))).toBe('bad-shape');
        expect(errorCode(() => attention(x, x, x, Int32Array.of(0, 3, 2, 4), 2))).toBe('bad-shape');
        expect(errorCode(() => attention(x, x, x, Int32Array.of(0, 4), 4))).toBe('bad-shape');
      });
    });

    describe('embedding', () => {
      it('picks rows, and adds up their gradients', () => {
        const ids = Int32Array.of(2, 0, 2, 2);
        return checkOp({
          inputs: [normals([4, 70], 12)],
          run: (table) => embedding(table!, ids),
          reference: (table) =>
            Float64Array.from([...ids].flatMap((id) => [...table.slice(id * 70, (id + 1) * 70)])),
        });
      });

      it('names an id out of range', () => {
        expect(() => embedding(tf.zeros([4, 2]), Int32Array.of(0, 4))).toThrow('The id 4 is not in [0, 4)');
      });
    });

    describe('softmaxCrossEntropy', () => {
      for (const classes of [2, 18, 40]) {
        it(`equals its reference with ${classes} classes`, () => {
          const labels = Int32Array.from({ length: 9 }, (_, i) =>
            i % 3 === 1 ? IGNORED_LABEL : i % classes,
          );
          return checkOp({
            inputs: [normals([9, classes], 13, 3)],
            run: (logits) => softmaxCrossEntropy(logits!, labels),
            reference: crossEntropyReference(labels, IGNORED_LABEL),
          });
        });
      }

      it('is 0, with gradient 0, when no row counts', () => {
        const loss = (x: tf.Tensor) => softmaxCrossEntropy(x, Int32Array.of(IGNORED_LABEL));
        const { value, grad } = tf.valueAndGrad(loss)(tf.ones([1, 3]));
        expect([...value.dataSync(), ...grad.dataSync()].map(Math.abs)).toEqual([0, 0, 0, 0]);
      });

      it('survives huge logits and names a bad label', () => {
        const logits = tf.tensor2d([[1e30, -1e30]]);
        expect(softmaxCrossEntropy(logits, Int32Array.of(0)).dataSync()[0]).toBeCloseTo(0);
        expect(errorCode(() => softmaxCrossEntropy(logits, Int32Array.of(2)))).toBe('bad-label');
      });
    });

    describe('softmaxKl', () => {
      for (const classes of [3, 32, 300]) {
        it(`equals its reference with ${classes} classes`, () => {
          const teacher = normals([6, classes], 14, 2);
          return checkOp({
            inputs: [normals([6, classes], 15, 2)],
            run: (student) => softmaxKl(teacher, student!, 2),
            reference: softmaxKlReference(teacher.dataSync(), classes, 2),
          });
        });
      }

      it('sends no gradient to the teacher', () => {
        const x = normals([2, 3], 16);
        const gradient = tf.grad((teacher) => softmaxKl(teacher, x, 1).add(teacher.sum()))(x.mul(2));
        expect([...gradient.dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
      });
    });

    describe('spanRows', () => {
      const offsets = Int32Array.of(0, 1, 8, 108, 111);
      const labels = Int32Array.of(0, 0, 6, 2, 99, 99, 1, 0);

      it('makes cross-entropy the mean over starts and ends, each over its own sequence', () =>
        checkOp({
          inputs: [normals([111, 2], 31, 3)],
          run: (logits) => softmaxCrossEntropy(spanRows(logits!, offsets), labels),
          reference: spanCrossEntropyReference(offsets, labels),
        }));

      it('makes the divergence one over the positions of each sequence', () => {
        const teacher = normals([111, 2], 32, 3);
        return checkOp({
          inputs: [normals([111, 2], 33, 3)],
          run: (student) => softmaxKl(spanRows(teacher, offsets), spanRows(student!, offsets), 2),
          reference: spanKlReference(teacher.dataSync(), offsets, 2),
        });
      });

      it('refuses shapes that do not fit', () => {
        expect(errorCode(() => spanRows(tf.zeros([4, 3]), Int32Array.of(0, 4)))).toBe('bad-shape');
        expect(errorCode(() => spanRows(tf.zeros([4, 2]), Int32Array.of(0, 3)))).toBe('bad-shape');
      });
    });

    it('attentionKl equals its reference', () => {
      const teacher = normals([5, 96], 17);
      return checkOp({
        inputs: [normals([5, 96], 18)],
        run: (student) => attentionKl(teacher, student!, 3),
        reference: softmaxKlReference(teacher.dataSync(), 32, 1),
      });
    });

    describe('cosineDistance', () => {
      for (const [rows, width] of [
        [5, 3],
        [40, 77],
        [3, 5000],
      ] as const) {
        it(`equals its reference at ${rows} x ${width}`, () => {
          const teacher = normals([rows, width], 43);
          const reference = cosineDistanceReference(teacher.dataSync(), width);
          const scale = rows * Math.sqrt(width);
          return checkOp({
            inputs: [normals([rows, width], 44, 2)],
            // So that the gradients are not small against the tolerance.
            run: (student) => cosineDistance(teacher, student!).mul(scale),
            reference: (student) => reference(student).map((value) => value * scale),
          });
        });
      }

      it('does not cancel where the two are close, nor where they are the same', () => {
        const teacher = normals([7, 33], 45);
        const student = teacher.add(normals([7, 33], 46, 1e-3));
        const [expected] = cosineDistanceReference(
          teacher.dataSync(),
          33,
        )(Float64Array.from(student.dataSync()));
        expect(cosineDistance(teacher, student).dataSync()[0]! / expected!).toBeCloseTo(1, 3);
        const { value, grad } = tf.valueAndGrad((x) => cosineDistance(teacher, x))(teacher.clone());
        expect([value, grad.abs().max()].map((x) => x.dataSync()[0])).toEqual([0, 0]);
      });

      it('takes rows of zeros for ones without a direction, and sends the teacher no gradient', () => {
        const [x, zero] = [tf.tensor2d([[3, 4]]), tf.zeros([1, 2])];
        for (const [teacher, student, expected] of [
          [x, zero, 0.5],
          [zero, x, 0.5],
          [zero, zero, 0],
        ] as const) {
          const { value, grad } = tf.valueAndGrad((s) => cosineDistance(teacher, s))(student.clone());
          expect(value.dataSync()[0]).toBeCloseTo(expected, 6);
          expect([...grad.dataSync()].map(Math.abs)).toEqual([0, 0]);
        }
        const toTeacher = tf.grad((t) => cosineDistance(t, x.add(1)).add(t.sum()))(x.mul(-2));
        expect([...toTeacher.dataSync()]).toEqual([1, 1]);
        expect(cosineDistance(tf.zeros([0, 2]), tf.zeros([0, 2])).dataSync()[0]).toBe(0);
        expect(errorCode(() => cosineDistance(x, tf.zeros([1, 3])))).toBe('bad-shape');
      });
    });

    describe('relationKl', () => {
      for (const [name, offsets, heads, hidden, teacherHidden] of [
        ['uneven and empty sequences', [0, 5, 5, 6, 17], 2, 12, 12],
        ['a teacher of another hidden size', [0, 4, 9], 3, 6, 12],
        ['more rows than a block', [0, 140], 1, 3, 3],
        ['more keys than a part of a row', [0, 3, 268], 1, 2, 2],
      ] as const) {
        const layout = Int32Array.from(offsets);
        const tokens = layout[layout.length - 1]!;
        it(`equals its reference: ${name}`, () => {
          const [teacherQ, teacherK] = [
            normals([tokens, teacherHidden], 34),
            normals([tokens, teacherHidden], 35),
          ];
          return checkOp({
            inputs: [36, 37].map((seed) => normals([tokens, hidden], seed)),
            // The sum, so that the gradients are not small against the tolerance.
            run: (q, k) =>
              relationKl({ q: teacherQ, k: teacherK }, { q: q!, k: k! }, layout, heads).mul(tokens * heads),
            reference: relationKlReference([teacherQ.dataSync(), teacherK.dataSync()], layout, heads),
          });
        });
      }

      const offsets = Int32Array.of(0, 4, 9);

      it('adds up the gradients of one tensor on both sides', () => {
        const teacher = normals([9, 6], 38);
        const values = teacher.dataSync();
        const reference = relationKlReference([values, values], offsets, 3);
        return checkOp({
          inputs: [normals([9, 6], 39)],
          run: (x) => relationKl({ q: teacher, k: teacher }, { q: x!, k: x! }, offsets, 3).mul(27),
          reference: (x) => reference(x, x),
        });
      });

      it('is zero, with a zero gradient, for the teacher itself, and sends that no gradient', () => {
        const [q, k] = [normals([9, 6], 40), normals([9, 6], 41)];
        const loss = (q: tf.Tensor, k: tf.Tensor, teacherQ: tf.Tensor, teacherK: tf.Tensor) =>
          relationKl({ q: teacherQ, k: teacherK }, { q, k }, offsets, 3);
        expect(loss(q, k, q, k).dataSync()[0]).toBe(0);
        const gradients = tf.grads((...x) =>
          loss(x[0]!, x[1]!, x[2]!, x[3]!).add(x[2]!.sum()).add(x[3]!.sum()),
        )([q, k, q.clone(), k.clone()]);
        const largest = (x: tf.Tensor) => x.abs().max().dataSync()[0];
        for (const gradient of gradients.slice(0, 2)) expect(largest(gradient)).toBeLessThanOrEqual(1e-7);
        for (const gradient of gradients.slice(2)) expect(largest(gradient.sub(1))).toBe(0);
        expect(relationKl({ q, k }, { q: normals([9, 6], 42), k }, offsets, 3).dataSync()[0]).toBeGreaterThan(
          0,
        );
      });

      it('is 0 without tokens, and refuses shapes that do not fit', () => {
        const of = (tokens: number, hidden: number) => {
          const x = tf.zeros([tokens, hidden]);
          return { q: x, k: x };
        };
        expect(relationKl(of(0, 6), of(0, 6), Int32Array.of(0), 3).dataSync()[0]).toBe(0);
        expect(errorCode(() => relationKl(of(9, 6), of(9, 6), Int32Array.of(0, 8), 3))).toBe('bad-shape');
        expect(errorCode(() => relationKl(of(8, 6), of(9, 6), offsets, 3))).toBe('bad-shape');
        expect(errorCode(() => relationKl(of(9, 4), of(9, 6), offsets, 3))).toBe('bad-shape');
        const uneven = { q: tf.zeros([9, 6]), k: tf.zeros([9, 3]) };
        expect(errorCode(() => relationKl(of(9, 6), uneven, offsets, 3))).toBe('bad-shape');
      });
    });

    it('meanSquaredError equals its reference', () => {
      const teacher = normals([5, 77], 19);
      const values = teacher.dataSync();
      return checkOp({
        inputs: [normals([5, 77], 20)],
        run: (student) => meanSquaredError(teacher, student!),
        reference: (student) =>
          Float64Array.of(sum(student.map((x, i) => (x - values[i]!) ** 2)) / student.length),
      });
    });

    describe('fakeQuantize', () => {
      const grid = { scale: Math.fround(0.037), zeroPoint: 117, qMin: 0, qMax: 255 };

      it('puts values on the grid, in exactly the steps of float32 division', () => {
        const x = normals([40, 33], 21, 4).dataSync() as Float32Array;
        const halves = Float32Array.from({ length: 41 }, (_, i) => (i - 20 + 0.5) * grid.scale);
        const all = Float32Array.from([...x, ...halves, 3e38, -3e38, 1e-40, 0]);
        const expected = all.map((x) => {
          const step = roundHalfEven(Math.fround(x / grid.scale));
          return (Math.min(255, Math.max(0, step + 117)) - 117) * grid.scale;
        });
        const y = fakeQuantize(tf.tensor1d(all), grid).dataSync();
        expect([...y].map((y) => y + 0)).toEqual([...expected].map((y) => y + 0));
      });

      it('passes the gradient through inside the range only', () => {
        const { scale } = grid;
        const x = tf.tensor1d([-118 * scale, -117.4 * scale, 0, 138.4 * scale, 138.6 * scale, 1e30]);
        const gradient = tf.grad((x) => fakeQuantize(x, grid).mul(3).sum())(x);
        expect([...gradient.dataSync()]).toEqual([0, 3, 3, 3, 0, 0]);
      });

      it('refuses NaN and infinity and names the site', () => {
        for (const bad of [Number.NaN, Infinity, -Infinity]) {
          const x = tf.tensor1d([1, bad, ...new Array(100).fill(0)]);
          // A backend may run behind the program: it throws at the latest when the result is read.
          expect(() => fakeQuantize(x, grid, 'encoder.layer.3').dataSync()).toThrow(
            '"encoder.layer.3" holds NaN',
          );
          expect(errorCode(() => fakeQuantize(x, grid).dataSync())).toBe('bad-value');
        }
        expect(errorCode(() => fakeQuantize(tf.ones([1]), { ...grid, scale: 0 }))).toBe('bad-value');
      });
    });

    describe('fakeQuantizeRows', () => {
      for (const bits of [2, 4, 8]) {
        it(`is values times scales of quantizeRows at ${bits} bits, exactly`, () => {
          const weight = tf.concat([
            normals([20, 37], 22),
            tf.zeros([1, 37]),
            tf.fill([1, 37], 1e-44),
          ]) as tf.Tensor2D;
          const { values, scales } = quantizeRows(weight, bits);
          const levels = 2 ** (bits - 1) - 1;
          expect(Math.max(...values)).toBe(levels);
          expect(Math.min(...values)).toBeGreaterThanOrEqual(-levels);
          const dequantized = Float32Array.from(values, (value, i) => value * scales[Math.floor(i / 37)]!);
          const smallest = flushesSubnormals ? 2 ** -126 : 0;
          const y = fakeQuantizeRows(weight, bits).dataSync();
          expect([...y].map((y) => y + 0)).toEqual(
            [...dequantized].map((y) => (Math.abs(y) < smallest ? 0 : y + 0)),
          );
        });
      }

      it('rounds rows gathered from a table as it rounds them in the table, bit for bit', () => {
        const ids = Int32Array.of(18, 0, 3, 18, 18, 7, 21, 0, 12);
        for (const columns of [8, 37, 384]) {
          const table = normals([22, columns], 27) as tf.Tensor2D;
          for (const bits of [2, 3, 4, 8]) {
            const first = fakeQuantizeRows(embedding(table, ids), bits).dataSync();
            const last = embedding(fakeQuantizeRows(table, bits), ids).dataSync();
            expect([...first]).toEqual([...last]);
          }
        }
      });

      it('has the identity for its gradient', () => {
        const gradient = tf.grad((w) => fakeQuantizeRows(w, 8).mul(2).sum())(normals([2, 2], 23));
        expect([...gradient.dataSync()]).toEqual([2, 2, 2, 2]);
      });

      it('refuses NaN and other widths than 2 to 8', () => {
        const bad = tf.tensor2d([[1, Number.NaN]]);
        expect(() => fakeQuantizeRows(bad, 8, 'encoder.w').dataSync()).toThrow('"encoder.w" holds NaN');
        expect(() => quantizeRows(bad, 8, 'encoder.w')).toThrow('"encoder.w" holds NaN');
        expect(errorCode(() => fakeQuantizeRows(tf.ones([1, 1]), 9))).toBe('bad-option');
      });
    });

    it('minMax finds the ends and refuses NaN and infinity', () => {
      const x = normals([50, 41], 24);
      const values = x.dataSync();
      expect(minMax(x)).toEqual({ min: Math.min(...values), max: Math.max(...values) });
      expect(() => minMax(tf.tensor1d([1, Infinity]), 'a.b')).toThrow('"a.b"');
      expect(() => minMax(tf.tensor1d([Number.NaN]))).toThrow('NaN');
    });

    it('globalNorm is the length of all tensors as one vector', () => {
      const tensors = [normals([300, 7], 25), normals([5], 26), tf.scalar(2)];
      const exact = Math.sqrt(sum(tensors.map((x) => sum([...x.dataSync()].map((value) => value * value)))));
      expect(Math.abs(globalNorm(tensors) - exact)).toBeLessThan(1e-5 * exact);
    });

    describe('AdamW', () => {
      const options = {
        learningRate: 0.01,
        gradientScale: 0.5,
        weightDecay: (name: string) => (name === 'a' ? 0.1 : 0),
        rateOf: (name: string) => (name === 'b' ? 0.25 : 1),
      };

      /** PyTorch's AdamW in float64, for one parameter. */
      function reference(
        start: ArrayLike<number>,
        gradients: ArrayLike<number>[],
        decay: number,
        rate = 0.01,
      ): Float64Array {
        const x = Float64Array.from(start);
        const m = new Float64Array(x.length);
        const v = new Float64Array(x.length);
        gradients.forEach((gradient, t) => {
          for (let i = 0; i < x.length; i++) {
            const g = gradient[i]! * 0.5;
            x[i]! *= 1 - rate * decay;
            m[i] = 0.9 * m[i]! + 0.1 * g;
            v[i] = 0.999 * v[i]! + 0.001 * g * g;
            const root = Math.sqrt(v[i]!) / Math.sqrt(1 - 0.999 ** (t + 1));
            x[i]! -= (rate / (1 - 0.9 ** (t + 1))) * (m[i]! / (root + 1e-8));
          }
        });
        return x;
      }

      it('follows the float64 reference over five steps, also across a saved state, and leaks nothing', () => {
        const starts = { a: normals([6, 50], 27), b: normals([3], 28) };
        const gradients = [0, 1, 2, 3, 4].map((t) => ({
          a: normals([6, 50], 30 + t),
          b: normals([3], 40 + t),
        }));
        const variables = { a: tf.variable(starts.a), b: tf.variable(starts.b) };
        const before = { a: starts.a.dataSync().slice(), b: starts.b.dataSync().slice() };
        let optimizer = new AdamW();
        optimizer.step(gradients[0]!, variables, options);
        optimizer.step(gradients[1]!, variables, options);
        const saved = optimizer.state();
        optimizer.dispose();
        optimizer = new AdamW();
        optimizer.restore(saved);
        optimizer.step(gradients[2]!, variables, options);
        const count = tf.memory().numTensors;
        optimizer.step(gradients[3]!, variables, options);
        optimizer.step(gradients[4]!, variables, options);
        expect(tf.memory().numTensors).toBe(count);
        expect(optimizer.steps).toBe(5);
        for (const [name, decay, rate] of [
          ['a', 0.1, 0.01],
          ['b', 0, 0.0025],
        ] as const) {
          const exact = reference(
            before[name],
            gradients.map((g) => g[name].dataSync()),
            decay,
            rate,
          );
          expect(difference(variables[name].dataSync(), exact)).toBeLessThan(1e-5);
          // The tensor that the variable was made of shares its data and must keep its values.
          expect([...starts[name].dataSync()]).toEqual([...before[name]]);
          variables[name].dispose();
        }
        optimizer.dispose();
      });

      it('never changes a tensor that shares the data of a variable', () => {
        const variable = tf.variable(tf.ones([4]));
        const optimizer = new AdamW();
        const step = () => optimizer.step({ a: tf.ones([4]) }, { a: variable }, options);
        step();
        const view = variable.reshape([2, 2]);
        const copy = variable.clone();
        const held = variable.dataSync();
        const values = [...held];
        step();
        expect([...view.dataSync()]).toEqual(values);
        expect([...copy.dataSync()]).toEqual(values);
        expect([...held]).toEqual(values);
        expect(variable.dataSync()[0]).toBeLessThan(values[0]!);
        variable.dispose();
        optimizer.dispose();
      });

      it('stepRows changes the rows named and no others, as the dense step would', () => {
        const start = normals([6, 4], 50);
        const table = tf.variable(start);
        const optimizer = new AdamW();
        const rows = [Int32Array.of(4, 1), Int32Array.of(1, 5)];
        const gradients = rows.map((_, t) => normals([2, 4], 51 + t));
        rows.forEach((ids, t) => {
          optimizer.step({}, {}, options);
          optimizer.stepRows('a', ids, gradients[t]!, table, options);
        });
        const after = table.dataSync();
        const before = start.dataSync();
        for (const row of [0, 2, 3]) {
          expect([...after.slice(row * 4, row * 4 + 4)]).toEqual([...before.slice(row * 4, row * 4 + 4)]);
        }
        const row1 = reference(
          before.slice(4, 8),
          [gradients[0]!.dataSync().slice(4, 8), gradients[1]!.dataSync().slice(0, 4)],
          0.1,
        );
        expect(difference(after.slice(4, 8), row1)).toBeLessThan(1e-5);
        const state = optimizer.state();
        expect(state.arrays['a.rows']).toEqual(Int32Array.of(4, 1, 5));
        expect(state.arrays['a.mean']!.length).toBe(12);
        const other = new AdamW();
        other.restore(state);
        expect(other.state()).toEqual(state);
        expect(
          errorCode(() => optimizer.stepRows('a', Int32Array.of(1, 1), gradients[0]!, table, options)),
        ).toBe('bad-value');
        table.dispose();
      });

      it('names a gradient without a variable and a shape that differs', () => {
        const optimizer = new AdamW();
        const gradient = { a: tf.ones([2]) };
        expect(errorCode(() => optimizer.step(gradient, {}, options))).toBe('missing-tensor');
        const a = tf.variable(tf.ones([3]));
        expect(errorCode(() => optimizer.step(gradient, { a }, options))).toBe('bad-shape');
        a.dispose();
      });
    });
  });
}

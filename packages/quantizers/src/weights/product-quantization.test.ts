import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { adversarialRows } from '../../test/adversarial.ts';
import { iterativeProductQuantize, type PqStage } from '../products/iterative-pq.ts';
import {
  dequantizeProduct,
  lookUpCentroids,
  productBytes,
  productQuantize,
  productRows,
  withInt8Centroids,
} from './product-quantization.ts';

beforeAll(() => tf.setBackend('cpu'));

function normals(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

const squaredError = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length;

describe('productQuantize', () => {
  it.each([4, 8, 16])(
    'blocks of %i: each block has its nearest centroid, each centroid is the mean of its blocks',
    (blockSize) => {
      const weight = normals(64 * 64, 1);
      const made = productQuantize(weight, [64, 64], { blockSize, centroids: 16, iterations: 100 });
      const distance = (block: number, c: number) => {
        let sum = 0;
        for (let k = 0; k < blockSize; k++)
          sum += (weight[block * blockSize + k]! - made.centroids[c * blockSize + k]!) ** 2;
        return sum;
      };
      const sums = new Float64Array(16 * blockSize);
      const members = new Float64Array(16);
      made.codes.forEach((code, block) => {
        for (let c = 0; c < 16; c++)
          expect(distance(block, code)).toBeLessThanOrEqual(distance(block, c) + 1e-12);
        members[code]! += 1;
        for (let k = 0; k < blockSize; k++) sums[code * blockSize + k]! += weight[block * blockSize + k]!;
      });
      // 100 iterations are enough here to stand still.
      made.centroids.forEach((value, i) => {
        expect(value).toBeCloseTo(sums[i]! / members[Math.floor(i / blockSize)]!, 5);
      });
    },
  );

  it('finds the nearest centroid where float32 products cannot tell them apart', () => {
    const noise = normals(256 * 8, 9);
    const weight = Float32Array.from(noise, (value) => 1000 + 0.01 * value);
    const { codes, centroids } = productQuantize(weight, [256, 8], { centroids: 16 });
    codes.forEach((code, block) => {
      const distances = Array.from({ length: 16 }, (_, c) =>
        centroids
          .subarray(c * 8, c * 8 + 8)
          .reduce((sum, value, k) => sum + (weight[block * 8 + k]! - value) ** 2, 0),
      );
      expect(code).toBe(distances.indexOf(Math.min(...distances)));
    });
  });

  it('finds clusters that are there, from any seed', () => {
    // Twenty far clusters, one of them with a single block: a plain random start misses some.
    const centres = normals(20 * 8, 2).map((value) => 100 * value);
    const noise = normals(400 * 8, 3);
    const weight = Float32Array.from({ length: 400 * 8 }, (_, i) => {
      const cluster = Math.floor(i / 8) === 399 ? 19 : Math.floor(i / 8) % 19;
      return centres[cluster * 8 + (i % 8)]! + 0.01 * noise[i]!;
    });
    for (let seed = 0; seed < 10; seed++) {
      const made = productQuantize(weight, [400, 8], { centroids: 20, seed });
      expect(squaredError(weight, dequantizeProduct(made))).toBeLessThan(0.001);
    }
  });

  it('leaves no cluster empty while there are blocks to give', () => {
    const weight = normals(64 * 64, 4);
    const { codes } = productQuantize(weight, [64, 64], { centroids: 256 });
    expect(new Set(codes).size).toBeGreaterThan(250);
  });

  it('is exact with as many centroids as different blocks', () => {
    const weight = Float32Array.from({ length: 32 * 8 }, (_, i) => Math.floor(i / 8) % 5);
    for (const centroids of [5, 9, 32]) {
      expect(dequantizeProduct(productQuantize(weight, [32, 8], { centroids }))).toEqual(weight);
    }
  });

  it('takes weights that break careless arithmetic', () => {
    for (const { name, row } of adversarialRows()) {
      const made = productQuantize(row, [4, 16], { centroids: 4, blockSize: 4 });
      expect(made.centroids.every(Number.isFinite), name).toBe(true);
      if (name.includes('zeros') || name.startsWith('equal')) {
        expect([...dequantizeProduct(made)].map((value) => value + 0)).toEqual(
          [...row].map((value) => value + 0),
        );
      }
    }
  });

  it('refuses bad input, by the name of the site', () => {
    const weight = normals(64, 5);
    expect(() => productQuantize(weight, [4, 16], { blockSize: 5 }, 'a.key')).toThrow(
      'do not divide the 16 columns of the weight of "a.key"',
    );
    expect(() => productQuantize(weight, [4, 16], {}, 'a.key')).toThrow(
      '256 centroids are more than the 8 blocks of the weight of "a.key"',
    );
    expect(() => productQuantize(weight, [4, 16], { centroids: 257 })).toThrow('1 to 256');
    expect(() => productQuantize(weight.fill(Number.NaN), [4, 16], { centroids: 2 }, 'a.key')).toThrow(
      '"a.key"',
    );
  });
});

it('int8 centroids are within half a step, and smaller', () => {
  const made = productQuantize(normals(64 * 64, 6), [64, 64], { centroids: 64 });
  const small = withInt8Centroids(made);
  const step = Math.max(...made.centroids.map(Math.abs)) / 127;
  small.centroids.forEach((value, i) => {
    expect(Math.abs(value - made.centroids[i]!)).toBeLessThanOrEqual(0.5001 * step);
    expect(Math.abs(value / step - Math.round(value / step))).toBeLessThan(1e-4);
  });
  // 64 centroids of 8 numbers; 512 blocks of 6 bits.
  expect(productBytes(made)).toEqual({ centroids: 64 * 8 * 4, indices: (512 * 6) / 8 });
  expect(productBytes(small)).toEqual({ centroids: 64 * 8 + 4, indices: (512 * 6) / 8 });
});

describe('lookUpCentroids', () => {
  const codes = Uint8Array.of(0, 2, 2, 1, 2, 0);
  const table = () => tf.tensor2d(normals(4 * 4, 7), [4, 4]);

  it('gives each centroid the average gradient of its members, and none to one without', () => {
    const upstream = normals(24, 8);
    const gradient = tf
      .grad((table: tf.Tensor) =>
        lookUpCentroids(table, codes, [3, 8])
          .mul(tf.tensor2d(upstream, [3, 8]))
          .sum(),
      )(table())
      .dataSync();
    for (let c = 0; c < 4; c++) {
      const members = [...codes.keys()].filter((block) => codes[block] === c);
      for (let k = 0; k < 4; k++) {
        const sum = members.reduce((sum, block) => sum + upstream[block * 4 + k]!, 0);
        expect(gradient[c * 4 + k]).toBeCloseTo(members.length ? sum / members.length : 0, 6);
      }
    }
  });

  it('has, times the members, the slope of central differences', () => {
    const values = normals(16, 7);
    const loss = (table: tf.Tensor) => lookUpCentroids(table, codes, [3, 8]).square().sum();
    const gradient = tf.grad(loss)(table()).dataSync();
    for (const i of [0, 5, 10]) {
      const at = (shift: number) =>
        loss(
          tf.tensor2d(
            values.map((value, j) => value + (j === i ? shift : 0)),
            [4, 4],
          ),
        ).dataSync()[0]!;
      const members = codes.filter((code) => code === Math.floor(i / 4)).length;
      expect(gradient[i]! * members).toBeCloseTo((at(0.01) - at(-0.01)) / 0.02, 2);
    }
  });
});

describe('iterativeProductQuantize', () => {
  const stages: PqStage[] = [
    { name: 'first', match: ['a'] },
    { name: 'second', match: ['**'] },
  ];
  const options = () => ({ blockSize: 4, centroids: 8 });

  it('tunes between stages, and counts all bytes', async () => {
    const parameters = new Map<string, tf.Tensor>([
      ['a.weight', tf.tensor2d(normals(32 * 32, 1), [32, 32])],
      ['b.weight', tf.variable(tf.tensor2d(normals(32 * 32, 2), [32, 32]))],
      ['b.bias', tf.zeros([32])],
    ]);
    const before = tf.memory().numTensors;
    const seen: string[] = [];
    const { weights, bytes } = await iterativeProductQuantize(parameters, {
      stages,
      options,
      int8Centroids: true,
      tune(stage, state) {
        seen.push(`${stage.name}: ${[...state.centroids.keys()]}`);
        // One step on the centroids lowers the error of what is looked up.
        const loss = () => state.parameter('a.weight').sub(1).square().mean() as tf.Scalar;
        const start = tf.tidy(() => loss().dataSync()[0]!);
        const variable = state.centroids.get('a.weight')!;
        tf.tidy(() =>
          variable.assign(variable.sub(tf.variableGrads(loss, [variable]).grads[variable.name]!.mul(50))),
        );
        expect(tf.tidy(() => loss().dataSync()[0]!)).toBeLessThan(start);
        if (stage.name === 'first')
          tf.tidy(() => (parameters.get('b.weight') as tf.Variable).assign(tf.ones([32, 32])));
      },
    });
    expect(seen).toEqual(['first: a.weight', 'second: a.weight,b.weight']);
    // b was quantized after the first stage had changed it.
    expect(dequantizeProduct(weights.get('b.weight')!).every((value) => Math.abs(value - 1) < 1e-6)).toBe(
      true,
    );
    expect(bytes).toEqual({ centroids: 2 * (32 + 4), indices: (2 * 256 * 3) / 8, floats: 32 * 4 });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves float what it is asked to, and refuses a stage that matches nothing', async () => {
    const parameters = new Map([['a.weight', tf.tensor2d(normals(64, 1), [8, 8])]]);
    const kept = await iterativeProductQuantize(parameters, {
      stages: [stages[0]!],
      options: () => undefined,
    });
    expect(kept).toEqual({ weights: new Map(), bytes: { centroids: 0, indices: 0, floats: 256 } });
    await expect(
      iterativeProductQuantize(parameters, { stages: [{ name: 'x', match: ['y'] }] }),
    ).rejects.toThrow('stage "x" (y) matches no site');
    await expect(iterativeProductQuantize(parameters)).rejects.toThrow('FFN');
  });
});

it('as rows has the integers of its int8 centroids, and the codebook that they are made of', () => {
  const made = productQuantize(normals(16 * 32, 5), [16, 32], { blockSize: 4, centroids: 9 });
  const { values, scales, shape, bits, codebook } = productRows(made);
  expect([bits, ...shape]).toEqual([8, 16, 32]);
  expect(new Set(scales).size).toBe(1);
  const floats = dequantizeProduct(withInt8Centroids(made));
  for (const [i, value] of values.entries())
    expect(Math.fround(value * scales[0]!)).toBeCloseTo(floats[i]!, 7);
  codebook!.codes.forEach((code, block) => {
    expect(values.subarray(4 * block, 4 * block + 4)).toEqual(
      codebook!.entries.subarray(4 * code, 4 * code + 4),
    );
  });
  expect(Math.max(...values.map(Math.abs))).toBe(127);
});

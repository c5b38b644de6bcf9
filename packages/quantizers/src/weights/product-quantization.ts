import { joinBlocks, type QuantizedRows, Random, SdqError, type Site } from '@sdq/core';
import { notFinite } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';

/** A weight [rows, columns] as a codebook and, for each block of a row's neighbouring columns, its entry. */
export interface ProductQuantized {
  readonly shape: readonly [rows: number, columns: number];
  readonly blockSize: number;
  /** [centroids * blockSize] */
  readonly centroids: Float32Array;
  /** [rows * columns / blockSize], each below the number of centroids. */
  readonly codes: Uint8Array;
  /** The bits of a number in a centroid as stored: 32, or 8 with one float32 scale for all. */
  readonly centroidBits: 32 | 8;
}

/** How {@link productQuantize} runs. */
export interface ProductQuantizeOptions {
  /** How many neighbouring columns make a block; in practice 4, 8 or 16. */
  readonly blockSize?: number;
  /** At most 256, and no more than there are blocks. */
  readonly centroids?: number;
  readonly iterations?: number;
  readonly seed?: number;
}

/** Centroids are found on so many blocks at most, drawn at random; all blocks are then assigned. */
const MAX_TRAINING_BLOCKS = 65_536;

/**
 * Product quantization of a weight by k-means over its blocks: k-means++ start, and a cluster that runs empty takes the
 * block that lies farthest from its own centroid.
 *
 * Sources: Jégou et al. 2011, "Product Quantization for Nearest Neighbor Search"; Stock et al. 2020, "And the Bit Goes
 * Down", section 3; Arthur and Vassilvitskii 2007, "k-means++", section 2.2.
 *
 * @param weight - [rows * columns]
 * @throws SdqError `bad-option` when a block does not divide the columns, or there are more centroids than blocks;
 * `bad-value` when a weight is not finite; both name the site
 *
 * @example
 * ```ts
 * import { dequantizeProduct, productQuantize } from '@sdq/quantizers';
 *
 * const weight = Float32Array.of(1, 2, 5, 6, 1, 2, 5, 6);
 * const quantized = productQuantize(weight, [2, 4], { blockSize: 2, centroids: 2 });
 * dequantizeProduct(quantized); // Float32Array [1, 2, 5, 6, 1, 2, 5, 6]
 * ```
 */
export function productQuantize(
  weight: ArrayLike<number>,
  shape: readonly [rows: number, columns: number],
  options: ProductQuantizeOptions = {},
  site?: Site,
): ProductQuantized {
  const { blockSize = 8, centroids: count = 256, iterations = 15, seed = 0 } = options;
  const place = site === undefined ? 'the weight' : `the weight of "${site}"`;
  const blocks = weight.length / blockSize;
  if (!Number.isInteger(blockSize) || blockSize < 1 || shape[1] % blockSize !== 0) {
    throw new SdqError(
      'bad-option',
      `Blocks of ${blockSize} do not divide the ${shape[1]} columns of ${place}.`,
    );
  }
  if (!Number.isInteger(count) || count < 1 || count > 256) {
    throw new SdqError('bad-option', `A codebook cannot have ${count} centroids: choose 1 to 256.`);
  }
  if (count > blocks) {
    throw new SdqError('bad-option', `${count} centroids are more than the ${blocks} blocks of ${place}.`);
  }
  for (let i = 0; i < weight.length; i++) if (!Number.isFinite(weight[i])) throw notFinite(site);
  const random = new Random(seed);
  // Not copied without need: the word embeddings of a multilingual model are hundreds of megabytes.
  const values = weight instanceof Float32Array ? weight : Float32Array.from(weight);
  const training = sampleBlocks(values, blocks, blockSize, random);
  const centroids = kMeansPlusPlus(training, blockSize, count, random);
  for (let i = 0; i < iterations; i++) {
    const { codes, distances } = assign(training, centroids, blockSize);
    if (!update(training, codes, distances, centroids, blockSize)) break;
  }
  const { codes } = assign(values, centroids, blockSize);
  return { shape, blockSize, centroids, codes, centroidBits: 32 };
}

/** The floats [rows * columns] that a product-quantized weight stands for. */
export function dequantizeProduct({ centroids, codes, blockSize }: ProductQuantized): Float32Array {
  return joinBlocks(centroids, codes, blockSize);
}

/**
 * The weight as a tensor of its centroids, so that those can be trained: the gradient of a centroid is the average of
 * its members' gradients.
 *
 * Source: Stock et al. 2020, section 3.3, equation 6.
 *
 * @param centroids - [centroids, blockSize]
 * @param codes - [rows * columns / blockSize]
 * @returns [rows, columns]
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { lookUpCentroids } from '@sdq/quantizers';
 *
 * lookUpCentroids(tf.tensor2d([[1, 2], [3, 4]]), Uint8Array.of(1, 0), [1, 4]).dataSync(); // [3, 4, 1, 2]
 * ```
 */
export function lookUpCentroids(
  centroids: tf.Tensor,
  codes: Uint8Array,
  shape: readonly [rows: number, columns: number],
): tf.Tensor {
  const [count, blockSize] = centroids.shape as [number, number];
  const op = tf.customGrad((input) => {
    const table = (input as tf.Tensor).dataSync() as Float32Array;
    const quantized = { shape, blockSize, centroids: table, codes, centroidBits: 32 as const };
    return {
      value: tf.tensor2d(dequantizeProduct(quantized), [...shape]),
      gradFunc: (dy: tf.Tensor) => {
        const means = memberMeans(dy.dataSync(), codes, count, blockSize).means;
        return tf.tensor2d(Float32Array.from(means), [count, blockSize]);
      },
    };
  });
  return op(centroids);
}

/**
 * The same weight with its centroids on a symmetric int8 grid, one scale for all.
 *
 * Source: Fan et al. 2020, "Training with Quantization Noise for Extreme Model Compression", section 3.3.
 */
export function withInt8Centroids(quantized: ProductQuantized): ProductQuantized {
  const scale = int8Scale(quantized);
  const centroids = quantized.centroids.map((value) => Math.round(value / scale) * scale);
  return { ...quantized, centroids, centroidBits: 8 };
}

/**
 * A product-quantized weight as 8-bit integers with one scale, its centroids rounded to them, and its codebook for the file.
 *
 * @example
 * ```ts
 * import { productQuantize, productRows } from '@sdq/quantizers';
 *
 * const weight = Float32Array.of(1, 2, 5, 6, 1, 2, 5, 6);
 * const { values, codebook } = productRows(productQuantize(weight, [2, 4], { blockSize: 2, centroids: 2 }));
 * values; // Int8Array [21, 42, 106, 127, 21, 42, 106, 127]
 * codebook!.codes.length; // 4
 * ```
 */
export function productRows(quantized: ProductQuantized): QuantizedRows {
  const { shape, blockSize, centroids, codes } = quantized;
  const scale = int8Scale(quantized);
  const entries = Int8Array.from(centroids, (value) => Math.round(value / scale));
  const values = joinBlocks(entries, codes, blockSize);
  const scales = new Float32Array(shape[0]).fill(scale);
  return { bits: 8, shape, values, scales, codebook: { blockSize, entries, codes } };
}

function int8Scale({ centroids }: ProductQuantized): number {
  const largest = centroids.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
  return Math.fround(largest / 127) || 1;
}

/**
 * The bytes that a product-quantized weight takes: its codebook, with the scale of int8 centroids, and its indices in as
 * many bits as the number of centroids needs.
 *
 * @example
 * ```ts
 * import { productBytes, productQuantize } from '@sdq/quantizers';
 *
 * const weight = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
 * productBytes(productQuantize(weight, [4, 16], { blockSize: 4, centroids: 4 })); // { centroids: 64, indices: 4 }
 * ```
 */
export function productBytes(quantized: ProductQuantized): {
  readonly centroids: number;
  readonly indices: number;
} {
  const { centroids, codes, blockSize, centroidBits } = quantized;
  const bits = Math.ceil(Math.log2(centroids.length / blockSize));
  return {
    centroids: centroidBits === 8 ? centroids.length + 4 : 4 * centroids.length,
    indices: Math.ceil((codes.length * bits) / 8),
  };
}

function sampleBlocks(weight: Float32Array, blocks: number, blockSize: number, random: Random): Float32Array {
  if (blocks <= MAX_TRAINING_BLOCKS) return weight;
  const sample = new Float32Array(MAX_TRAINING_BLOCKS * blockSize);
  for (let i = 0; i < MAX_TRAINING_BLOCKS; i++) {
    const start = random.below(blocks) * blockSize;
    for (let k = 0; k < blockSize; k++) sample[i * blockSize + k] = weight[start + k]!;
  }
  return sample;
}

/** Each centroid a block, drawn by its squared distance to the nearest centroid so far. */
function kMeansPlusPlus(data: Float32Array, size: number, count: number, random: Random): Float32Array {
  const blocks = data.length / size;
  const centroids = new Float32Array(count * size);
  const nearest = new Float64Array(blocks).fill(Infinity);
  let chosen = random.below(blocks);
  for (let c = 0; c < count; c++) {
    for (let k = 0; k < size; k++) centroids[c * size + k] = data[chosen * size + k]!;
    let total = 0;
    for (let block = 0; block < blocks; block++) {
      nearest[block] = Math.min(
        nearest[block]!,
        squaredDistance(data, block * size, centroids, c * size, size),
      );
      total += nearest[block]!;
    }
    let left = random.uniform() * total;
    // All blocks are centroids already: any will do.
    chosen = random.below(blocks);
    for (let block = 0; total > 0 && block < blocks; block++) {
      if (nearest[block] === 0) continue;
      chosen = block;
      left -= nearest[block]!;
      if (left < 0) break;
    }
  }
  return centroids;
}

/** Blocks whose products with all centroids are taken at a time: 8 MiB for 256 centroids. */
const CHUNK_BLOCKS = 8192;

/**
 * The nearest centroid of each block; of equal ones the first. A matrix product in float32 finds it, and where its
 * rounding may have decided, float64 does.
 */
function assign(
  data: Float32Array,
  centroids: Float32Array,
  size: number,
): { codes: Uint8Array; distances: Float64Array } {
  const blocks = data.length / size;
  const count = centroids.length / size;
  const origin = new Float32Array(size);
  const halves = Float64Array.from(
    { length: count },
    (_, c) => squaredDistance(centroids, c * size, origin, 0, size) / 2,
  );
  const largest = Math.sqrt(2 * halves.reduce((most, half) => Math.max(most, half), 0));
  const codes = new Uint8Array(blocks);
  const distances = new Float64Array(blocks);
  for (let start = 0; start < blocks; start += CHUNK_BLOCKS) {
    const end = Math.min(start + CHUNK_BLOCKS, blocks);
    const products = blockProducts(data.subarray(start * size, end * size), centroids, size);
    for (let block = start; block < end; block++) {
      // The distance is least where x c - |c|^2 / 2 is most.
      let best = -Infinity;
      let second = -Infinity;
      let code = 0;
      const row = (block - start) * count;
      for (let c = 0; c < count; c++) {
        const score = products[row + c]! - halves[c]!;
        if (score > best) {
          second = best;
          best = score;
          code = c;
        } else if (score > second) second = score;
      }
      const length = Math.sqrt(squaredDistance(data, block * size, origin, 0, size));
      const rounding = 2 * size * (length * largest * 2 ** -23 + 2 ** -126);
      // Written so that infinite and undefined scores count as close ones.
      if (!(Number.isFinite(best) && best - second > rounding)) {
        code = nearestOf(data, block * size, centroids, size);
      }
      codes[block] = code;
      distances[block] = squaredDistance(data, block * size, centroids, code * size, size);
    }
  }
  return { codes, distances };
}

/** [blocks, centroids] */
function blockProducts(blocks: Float32Array, centroids: Float32Array, size: number): Float32Array {
  const product = tf.tidy(() =>
    tf.matMul(
      tf.tensor2d(blocks, [blocks.length / size, size]),
      tf.tensor2d(centroids, [centroids.length / size, size]),
      false,
      true,
    ),
  );
  try {
    return product.dataSync() as Float32Array;
  } finally {
    product.dispose();
  }
}

function nearestOf(data: Float32Array, at: number, centroids: Float32Array, size: number): number {
  let best = Infinity;
  let nearest = 0;
  for (let c = 0; c < centroids.length / size; c++) {
    const distance = squaredDistance(data, at, centroids, c * size, size);
    if (distance < best) {
      best = distance;
      nearest = c;
    }
  }
  return nearest;
}

/** Moves each centroid to the mean of its members; whether any moved. */
function update(
  data: Float32Array,
  codes: Uint8Array,
  distances: Float64Array,
  centroids: Float32Array,
  size: number,
): boolean {
  const { means, members } = memberMeans(data, codes, centroids.length / size, size);
  let moved = false;
  for (let c = 0; c < members.length; c++) {
    let source: ArrayLike<number> = means;
    let from = c * size;
    if (members[c] === 0) {
      const farthest = distances.reduce((best, distance, i) => (distance > distances[best]! ? i : best), 0);
      // With no block off its centroid there are no more different blocks than centroids.
      if (distances[farthest] === 0) continue;
      distances[farthest] = 0;
      source = data;
      from = farthest * size;
    }
    for (let k = 0; k < size; k++) {
      const value = Math.fround(source[from + k]!);
      if (centroids[c * size + k] !== value) moved = true;
      centroids[c * size + k] = value;
    }
  }
  return moved;
}

function memberMeans(
  data: ArrayLike<number>,
  codes: Uint8Array,
  count: number,
  size: number,
): { means: Float64Array; members: Float64Array } {
  const means = new Float64Array(count * size);
  const members = new Float64Array(count);
  for (let block = 0; block < codes.length; block++) {
    const code = codes[block]!;
    members[code]! += 1;
    for (let k = 0; k < size; k++) means[code * size + k]! += data[block * size + k]!;
  }
  for (let i = 0; i < means.length; i++) means[i]! /= Math.max(1, members[Math.floor(i / size)]!);
  return { means, members };
}

function squaredDistance(a: Float32Array, i: number, b: Float32Array, j: number, size: number): number {
  let sum = 0;
  for (let k = 0; k < size; k++) {
    const difference = a[i + k]! - b[j + k]!;
    sum += difference * difference;
  }
  return sum;
}

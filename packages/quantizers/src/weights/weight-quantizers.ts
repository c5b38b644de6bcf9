import {
  type AffineGrid,
  type Granularity,
  type QuantizedRows,
  SdqError,
  type Site,
  type WeightQuantizer,
} from '@sdq/core';
import { fakeQuantizeRows, quantizedLinear, quantizeRows } from '@sdq/kernels';
import { type Tensor, type Tensor2D, tensor2d } from '@tensorflow/tfjs';
import { straightThrough } from '../straight-through.ts';
import { checkWeightBits, elementsPerScale, levelOf, symmetricLevels, weightGrid } from './weight-grid.ts';

/**
 * Symmetric quantization of a weight [out, in] with one scale an output channel; the gradient passes straight through,
 * since the scale follows the weights and nothing is clipped.
 *
 * From 3 bits on the scale is the largest magnitude over 2^(bits-1) - 1 (Wu et al. 2020, "Integer Quantization for Deep
 * Learning Inference", section 4). 2 bits are ternary: -1, 0 and 1 with the mean magnitude of the weights beyond 0.7 of
 * the mean magnitude as the scale (Li and Liu 2016, "Ternary Weight Networks", section 2.3). 1 bit is the sign with the
 * mean magnitude as the scale (Rastegari et al. 2016, "XNOR-Net", section 3.1).
 *
 * @param bits - 1 to 8
 * @throws SdqError `bad-option` for other bits
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { perChannel } from '@sdq/quantizers';
 *
 * perChannel(8).quantize(tf.tensor2d([[1, -0.5], [0, 0]])).values; // Int8Array [127, -64, 0, 0]
 * perChannel(2).quantize(tf.tensor2d([[1, -0.5, 0.1]])).values; // Int8Array [1, -1, 0]
 * ```
 */
export function perChannel(bits: number): WeightQuantizer {
  return weightQuantizer(bits, 'channel');
}

/**
 * As {@link perChannel}, with one scale for the whole weight.
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { perTensor } from '@sdq/quantizers';
 *
 * perTensor(8).quantize(tf.tensor2d([[1, -0.5], [0, 0.25]])).values; // Int8Array [127, -64, 0, 32]
 * ```
 */
export function perTensor(bits: number): WeightQuantizer {
  return weightQuantizer(bits, 'tensor');
}

/**
 * As {@link perChannel}, with one scale for each `size` neighbouring inputs of an output channel.
 *
 * @param size - a divisor of the number of inputs, in practice 32, 64 or 128
 * @throws SdqError `bad-option` for a size that is no positive integer; when used, for one that does not divide
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { perGroup } from '@sdq/quantizers';
 *
 * perGroup(4, 2).quantize(tf.tensor2d([[7, 1, 0.7, 0.1]])).values; // Int8Array [7, 1, 7, 1]
 * ```
 */
export function perGroup(bits: number, size: number): WeightQuantizer {
  if (!Number.isInteger(size) || size < 1) {
    throw new SdqError('bad-option', `A group cannot have ${size} columns: choose a positive integer.`);
  }
  return weightQuantizer(bits, { group: size });
}

/**
 * The quantizer of so many bits and that granularity.
 *
 * @throws SdqError `bad-option`
 *
 * @example
 * ```ts
 * import { weightQuantizer } from '@sdq/quantizers';
 *
 * weightQuantizer(4, { group: 32 }).name; // 'int4-per-group-32'
 * ```
 */
export function weightQuantizer(bits: number, granularity: Granularity): WeightQuantizer {
  checkWeightBits(bits);
  const kind = bits === 1 ? 'sign' : bits === 2 ? 'ternary' : `int${bits}`;
  const each = typeof granularity === 'string' ? granularity : `group-${granularity.group}`;
  const linear = (x: Tensor, grid: AffineGrid, weight: Tensor, bias: Tensor, site?: Site) =>
    quantizedLinear(x, weight, bias, { grid, bits, ...(site === undefined ? {} : { site }) });
  return {
    name: `${kind}-per-${each}`,
    bits,
    granularity,
    levels: symmetricLevels(bits),
    fakeQuantize(weight: Tensor, site?: Site): Tensor {
      const [groups, size] = groupsOf(weight, granularity, site);
      if (bits > 1) return fakeQuantizeRows(weight.reshape([groups, size]), bits, site).reshape(weight.shape);
      return straightThrough(weight, (weight) => {
        const { values, scales } = signs(weight, groups, size, site);
        return tensor2d(scaled(values, scales, size), weight.shape as [number, number]);
      });
    },
    quantize(weight: Tensor, site?: Site): QuantizedRows {
      const shape = weight.shape as [number, number];
      const [groups, size] = groupsOf(weight, granularity, site);
      const { values, scales } =
        bits > 1 ? fine(weight, groups, size, bits, site) : signs(weight, groups, size, site);
      return asRows(bits, shape, values, scales, granularity);
    },
    ...(granularity === 'channel' && bits > 1 ? { linear } : {}),
  };
}

/**
 * The quantizer with a name that {@link weightQuantizer} gives; undefined when none has it.
 *
 * @example
 * ```ts
 * import { weightQuantizerNamed } from '@sdq/quantizers';
 *
 * weightQuantizerNamed('ternary-per-channel')!.bits; // 2
 * ```
 */
export function weightQuantizerNamed(name: string): WeightQuantizer | undefined {
  const parts = /^(int[3-8]|ternary|sign)-per-(tensor|channel|group-([1-9]\d{0,5}))$/.exec(name);
  if (!parts) return undefined;
  const [, kind, each, group] = parts;
  const bits = kind === 'sign' ? 1 : kind === 'ternary' ? 2 : Number(kind!.slice('int'.length));
  return weightQuantizer(bits, group ? { group: Number(group) } : (each as 'tensor' | 'channel'));
}

/**
 * The floats [rows, columns] that stored integers stand for.
 *
 * @example
 * ```ts
 * import { dequantizeRows } from '@sdq/quantizers';
 *
 * const weight = dequantizeRows({
 *   bits: 8, shape: [1, 2], values: Int8Array.of(127, -64), scales: Float32Array.of(0.5),
 * });
 * weight.dataSync(); // [63.5, -32]
 * ```
 */
export function dequantizeRows(rows: QuantizedRows): Tensor2D {
  return tensor2d(floatsOf(rows), [...rows.shape]);
}

/** What {@link dequantizeRows} holds. */
export function floatsOf({ values, scales, shape, groupSize }: QuantizedRows): Float32Array {
  return scaled(values, scales, groupSize ?? shape[1]);
}

/** Each run of `size` integers times its scale. */
function scaled(values: Int8Array, scales: Float32Array, size: number): Float32Array {
  const floats = new Float32Array(values.length);
  for (let group = 0; group * size < floats.length; group++) {
    const scale = scales[group]!;
    for (let i = group * size; i < (group + 1) * size; i++) floats[i] = values[i]! * scale;
  }
  return floats;
}

/** Integers and the scales of a granularity as they are stored: one scale of a whole weight stands for each row. */
function asRows(
  bits: number,
  shape: readonly [rows: number, columns: number],
  values: Int8Array,
  scales: Float32Array,
  granularity: Granularity,
): QuantizedRows {
  if (granularity === 'channel') return { bits, shape, values, scales };
  if (granularity === 'tensor') {
    return { bits, shape, values, scales: new Float32Array(shape[0]).fill(scales[0] ?? 1) };
  }
  return { bits, shape, values, scales, groupSize: granularity.group };
}

/**
 * The bytes that a weight takes on disk: its integers packed row by row into 32-bit words (bytes at 8 bits), and a
 * float32 a scale.
 *
 * @example
 * ```ts
 * import { storedBytes } from '@sdq/quantizers';
 *
 * storedBytes([384, 1536], 4, 'channel'); // 296448
 * ```
 */
export function storedBytes(
  shape: readonly [rows: number, columns: number],
  bits: number,
  granularity: Granularity,
): number {
  const [rows, columns] = shape;
  const integers = bits === 8 ? rows * columns : 4 * rows * Math.ceil((columns * bits) / 32);
  const scales = typeof granularity === 'string' ? rows : rows * (columns / granularity.group);
  return integers + 4 * scales;
}

function groupsOf(weight: Tensor, granularity: Granularity, site?: Site): [groups: number, size: number] {
  if (weight.rank !== 2) {
    throw new SdqError('bad-shape', `A weight to quantize must be [out, in], not [${weight.shape}].`);
  }
  const size = elementsPerScale(granularity, weight.shape as [number, number], site);
  return [size === 0 ? 0 : weight.size / size, size];
}

/** From 2 bits on. */
function fine(weight: Tensor, groups: number, size: number, bits: number, site?: Site) {
  const rows = weight.reshape([groups, size]);
  try {
    return quantizeRows(rows, bits, site);
  } finally {
    rows.dispose();
  }
}

/** 1 bit. */
function signs(
  weight: Tensor,
  groups: number,
  size: number,
  site?: Site,
): { values: Int8Array; scales: Float32Array } {
  const floats = weight.dataSync();
  const values = new Int8Array(floats.length);
  const scales = new Float32Array(groups);
  for (let group = 0; group < groups; group++) {
    const grid = weightGrid(floats, group * size, size, 1, site);
    scales[group] = grid.scale;
    for (let i = group * size; i < (group + 1) * size; i++) values[i] = levelOf(floats[i]!, grid, 1);
  }
  return { values, scales };
}

import { notFinite } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import type { Addon } from './addon.ts';
import { BACKEND, type SdqCpuBackend } from './backend.ts';
import { quantizedWeight } from './quantized-weights.ts';

type Inputs = Record<string, tf.TensorInfo>;
type Attributes = Record<string, unknown>;
type Kernel = (inputs: Inputs, attributes: Attributes) => tf.TensorInfo | tf.TensorInfo[];

/** Registers the native kernels behind the ops of @sdq/kernels. */
export function registerSdqKernels(addon: Addon, backend: SdqCpuBackend): void {
  for (const [kernelName, kernel] of Object.entries(sdqKernels(addon, backend))) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => kernel(inputs as Inputs, (attrs ?? {}) as Attributes),
    });
  }
}

function sdqKernels(addon: Addon, backend: SdqCpuBackend): Record<string, Kernel> {
  const floats = (x: tf.TensorInfo | undefined) => backend.floats(x!);
  const allocate = (shape: number[]) => backend.allocate(shape);

  /** A kernel whose one output has the shape of an input. */
  const like =
    (input: string, run: (inputs: Inputs, out: Float32Array, attributes: Attributes) => void): Kernel =>
    (inputs, attributes) => {
      const { info, values } = allocate(inputs[input]!.shape);
      run(inputs, values, attributes);
      return info;
    };

  /** A kernel whose output is one number. */
  const scalar =
    (compute: (inputs: Inputs, attributes: Attributes) => number): Kernel =>
    (inputs, attributes) => {
      const { info, values } = allocate([]);
      values[0] = compute(inputs, attributes);
      return info;
    };

  /** Throws, and hands the output back, when a kernel met NaN or infinity. */
  const whenFinite = (finite: boolean, info: tf.TensorInfo, site: unknown): tf.TensorInfo => {
    if (finite) return info;
    backend.disposeData(info.dataId);
    throw notFinite(site as string | undefined);
  };

  const fakeQuantizeRows: Kernel = ({ x }, { levels, site }) => {
    const { info, values } = allocate(x!.shape);
    if (values.length === 0) return info;
    const finite = addon.fakeQuantizeRows(floats(x), x!.shape[1]!, levels as number, values);
    return whenFinite(finite, info, site);
  };

  const bfloat16 = addon.info().gradients === 'bfloat16';

  return {
    SdqLinear({ x, weight, bias }) {
      const [m, k] = x!.shape as [number, number];
      const n = weight!.shape[0]!;
      const { info, values } = allocate([m, n]);
      addon.linear(floats(x), floats(weight), floats(bias), values, m, n, k);
      return info;
    },
    SdqLinearGradInput({ dy, weight }) {
      const [n, k] = weight!.shape as [number, number];
      const m = dy!.shape[0]!;
      const { info, values } = allocate([m, k]);
      addon.linearGradInput(floats(dy), floats(weight), values, m, n, k);
      return info;
    },
    SdqLinearGradWeight({ dy, x }) {
      const [m, k] = x!.shape as [number, number];
      const n = dy!.shape[1]!;
      const { info, values } = allocate([n, k]);
      addon.linearGradWeight(floats(dy), floats(x), values, m, n, k);
      return info;
    },
    SdqLinearGradBias({ dy }) {
      const { info, values } = allocate([dy!.shape[1]!]);
      addon.linearGradBias(floats(dy), values);
      return info;
    },
    SdqQuantizedLinear({ x, weight, bias }, { scale, low, high, levels, site }) {
      const m = x!.shape[0]!;
      const packed = quantizedWeight(addon, backend, weight!, levels as number, site as string | undefined);
      const { info, values } = allocate([m, weight!.shape[0]!]);
      const grid = [scale as number, low as number, high as number] as const;
      const finite = addon.quantizedLinear(floats(x), packed, floats(bias), ...grid, values, m);
      return whenFinite(finite, info, site);
    },
    SdqQuantizedLinearGradInput({ dy, x, weight }, { scale, low, high, levels }) {
      const [n, k] = weight!.shape as [number, number];
      const m = x!.shape[0]!;
      const grid = [scale as number, low as number, high as number] as const;
      const { info, values } = allocate(x!.shape);
      if (bfloat16) {
        const inputs = [floats(dy), floats(x), floats(weight)] as const;
        addon.quantizedLinearGradInputBf16(...inputs, levels as number, ...grid, values, m, n, k);
        return info;
      }
      const rounded = allocate([n, k]);
      if (k > 0) addon.fakeQuantizeRows(floats(weight), k, levels as number, rounded.values);
      addon.linearGradInput(floats(dy), rounded.values, values, m, n, k);
      backend.disposeData(rounded.info.dataId);
      addon.fakeQuantizeMask(floats(x), ...grid, values);
      return info;
    },
    SdqQuantizedLinearGradWeight({ dy, x }, { scale, low, high }) {
      const [m, k] = x!.shape as [number, number];
      const n = dy!.shape[1]!;
      const grid = [scale as number, low as number, high as number] as const;
      const { info, values } = allocate([n, k]);
      if (bfloat16) {
        addon.quantizedLinearGradWeightBf16(floats(dy), floats(x), ...grid, values, m, n, k);
        return info;
      }
      const rounded = allocate([m, k]);
      addon.fakeQuantize(floats(x), ...grid, rounded.values);
      addon.linearGradWeight(floats(dy), rounded.values, values, m, n, k);
      backend.disposeData(rounded.info.dataId);
      return info;
    },
    SdqGelu: like('x', ({ x }, out) => addon.gelu(floats(x), out)),
    SdqGeluGrad: like('x', ({ x, dy }, out) => addon.geluGrad(floats(x), floats(dy), out)),
    SdqDropout: like('x', ({ x }, out, { seed, threshold, scale }) =>
      addon.dropout(floats(x), seed as number, threshold as number, scale as number, out),
    ),
    SdqLayerNorm: like('x', ({ x, gamma, beta }, out, { epsilon }) =>
      addon.layerNorm(floats(x), floats(gamma), floats(beta), epsilon as number, out),
    ),
    SdqLayerNormGrad({ x, gamma, dy }, { epsilon }) {
      const dx = allocate(x!.shape);
      const dGamma = allocate(gamma!.shape);
      const dBeta = allocate(gamma!.shape);
      addon.layerNormGrad(
        floats(x),
        floats(gamma),
        floats(dy),
        epsilon as number,
        dx.values,
        dGamma.values,
        dBeta.values,
      );
      return [dx.info, dGamma.info, dBeta.info];
    },
    SdqAttention({ q, k, v }, attributes) {
      const offsets = attributes.offsets as Int32Array;
      const heads = attributes.heads as number;
      const out = allocate(q!.shape);
      const logSums = allocate([heads, q!.shape[0]!]);
      addon.attention(floats(q), floats(k), floats(v), offsets, heads, out.values, logSums.values);
      return [out.info, logSums.info];
    },
    SdqAttentionGrad({ q, k, v, softmax, dy }, attributes) {
      const [dq, dk, dv] = [allocate(q!.shape), allocate(q!.shape), allocate(q!.shape)];
      addon.attentionGrad(
        floats(q),
        floats(k),
        floats(v),
        floats(softmax),
        floats(dy),
        attributes.offsets as Int32Array,
        attributes.heads as number,
        dq.values,
        dk.values,
        dv.values,
      );
      return [dq.info, dk.info, dv.info];
    },
    SdqEmbedding({ table }, attributes) {
      const ids = attributes.ids as Int32Array;
      const hidden = table!.shape[1]!;
      const { info, values } = allocate([ids.length, hidden]);
      addon.embedding(floats(table), ids, hidden, values);
      return info;
    },
    SdqEmbeddingGrad({ dy }, { ids, rows }) {
      const hidden = dy!.shape[1]!;
      const { info, values } = allocate([rows as number, hidden]);
      addon.embeddingGrad(floats(dy), ids as Int32Array, hidden, values);
      return info;
    },
    SdqSoftmaxCrossEntropy: scalar(({ logits }, { labels, counted }) =>
      counted === 0
        ? 0
        : addon.crossEntropy(floats(logits), logits!.shape[1]!, labels as Int32Array) / (counted as number),
    ),
    SdqSoftmaxCrossEntropyGrad: like('logits', ({ logits, dy }, out, { labels, counted }) => {
      const factor = floats(dy)[0]! / Math.max(1, counted as number);
      addon.crossEntropyGrad(floats(logits), logits!.shape[1]!, labels as Int32Array, factor, out);
    }),
    SdqSoftmaxKl: scalar(({ teacher, student }, attributes) => {
      const temperature = attributes.temperature as number;
      const [rows, width] = student!.shape as [number, number];
      const sum = addon.softmaxKl(floats(teacher), floats(student), width, 1 / temperature);
      return (sum * temperature ** 2) / rows;
    }),
    SdqSoftmaxKlGrad: like('student', ({ teacher, student, dy }, out, attributes) => {
      const temperature = attributes.temperature as number;
      const [rows, width] = student!.shape as [number, number];
      const factor = (floats(dy)[0]! * temperature) / rows;
      addon.softmaxKlGrad(floats(teacher), floats(student), width, 1 / temperature, factor, out);
    }),
    SdqCosineDistance: scalar(({ teacher, student }) => {
      const [rows, width] = student!.shape as [number, number];
      return addon.cosineDistance(floats(teacher), floats(student), width) / rows;
    }),
    SdqCosineDistanceGrad: like('student', ({ teacher, student, dy }, out) => {
      const [rows, width] = student!.shape as [number, number];
      addon.cosineDistanceGrad(floats(teacher), floats(student), width, floats(dy)[0]! / rows, out);
    }),
    SdqRelationKl: scalar(({ teacherQ, teacherK, q, k }, attributes) => {
      const [offsets, heads] = [attributes.offsets as Int32Array, attributes.heads as number];
      const sum = addon.relationKl(floats(teacherQ), floats(teacherK), floats(q), floats(k), offsets, heads);
      return sum / (q!.shape[0]! * heads);
    }),
    SdqRelationKlGrad({ teacherQ, teacherK, q, k, dy }, attributes) {
      const [offsets, heads] = [attributes.offsets as Int32Array, attributes.heads as number];
      const [dq, dk] = [allocate(q!.shape), allocate(k!.shape)];
      addon.relationKlGrad(
        floats(teacherQ),
        floats(teacherK),
        floats(q),
        floats(k),
        offsets,
        heads,
        floats(dy)[0]! / (q!.shape[0]! * heads),
        dq.values,
        dk.values,
      );
      return [dq.info, dk.info];
    },
    SdqMeanSquaredError: scalar(({ teacher, student }) => {
      const values = floats(student);
      return addon.squaredError(floats(teacher), values) / values.length;
    }),
    SdqMeanSquaredErrorGrad: like('student', ({ teacher, student, dy }, out) => {
      addon.squaredErrorGrad(floats(teacher), floats(student), (2 * floats(dy)[0]!) / out.length, out);
    }),
    SdqFakeQuantize({ x }, { scale, low, high, site }) {
      const { info, values } = allocate(x!.shape);
      const grid = [scale as number, low as number, high as number] as const;
      return whenFinite(addon.fakeQuantize(floats(x), ...grid, values), info, site);
    },
    SdqFakeQuantizeGrad: like('x', ({ x, dy }, out, { scale, low, high }) =>
      addon.fakeQuantizeGrad(floats(x), floats(dy), scale as number, low as number, high as number, out),
    ),
    SdqFakeQuantizeRows: fakeQuantizeRows,
    SdqFakeQuantizeTernaryRows: fakeQuantizeRows,
  };
}

import * as tf from '@tensorflow/tfjs';
import {
  ATTENTION,
  ATTENTION_GRAD_KEY,
  ATTENTION_GRAD_QUERY,
  attentionGroups,
  RELATION_KL_ROWS,
  relationKlGrad,
} from './attention-kernels.ts';
import { BACKEND, type SdqWebGpuBackend } from './backend.ts';
import {
  COLUMN_SUMS,
  DROPOUT,
  EMBEDDING,
  EMBEDDING_GRAD,
  FAKE_QUANTIZE,
  FAKE_QUANTIZE_GRAD,
  GELU,
  GELU_GRAD,
} from './elementwise-kernels.ts';
import { floatProduct, productGroups } from './product-kernels.ts';
import { PACK_ROWS, PACK_ROWS_ON_GRID, quantizedProduct } from './quantized-product-kernels.ts';
import {
  CROSS_ENTROPY_GRAD,
  CROSS_ENTROPY_ROWS,
  FAKE_QUANTIZE_ROWS,
  LAYER_NORM,
  LAYER_NORM_GRAD,
  SCALED_SUM,
  SOFTMAX_KL_GRAD,
  SOFTMAX_KL_ROWS,
} from './row-kernels.ts';
import { groupsFor, runWgsl, type WgslKernel } from './wgsl-kernel.ts';

type Inputs = Record<string, tf.TensorInfo>;
type Attributes = Record<string, unknown>;
type Kernel = (inputs: Inputs, attributes: Attributes) => tf.TensorInfo | tf.TensorInfo[];

const PRODUCT = floatProduct(false);
const BIASED_PRODUCT = floatProduct(true);
const BOTH_TRANSPOSED = { aTransposed: true, bTransposed: true } as const;
const RELATION_KL_GRAD_QUERY = relationKlGrad('q');
const RELATION_KL_GRAD_KEY = relationKlGrad('k');

/** Registers the WGSL kernels behind the ops of @sdq/kernels; ops without one are composed of tfjs's. */
export function registerSdqKernels(backend: SdqWebGpuBackend): void {
  for (const [kernelName, kernel] of Object.entries(sdqKernels(backend))) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => kernel(inputs as Inputs, (attrs ?? {}) as Attributes),
    });
  }
}

function sdqKernels(backend: SdqWebGpuBackend): Record<string, Kernel> {
  const product = quantizedProduct(backend.packedDotProducts);
  const sizeOf = tf.util.sizeFromShape;

  /** Runs a kernel of one thread an element of its one output. */
  const elements = (
    kernel: WgslKernel,
    inputs: Inputs,
    shape: readonly number[],
    parameters: Record<string, number> = {},
    site?: string,
  ): tf.TensorInfo => {
    const size = sizeOf([...shape]);
    const outputs = { [Object.keys(kernel.outputs)[0]!]: shape };
    return runWgsl(backend, kernel, {
      inputs,
      outputs,
      parameters: { size, ...parameters },
      site,
      groups: groupsFor(size),
    })[0]!;
  };

  /** Runs a kernel of one work group a row of its first input. */
  const rows = (
    kernel: WgslKernel,
    inputs: Inputs,
    outputs: Record<string, readonly number[]>,
    parameters: Record<string, number> = {},
    site?: string,
  ): tf.TensorInfo[] => {
    const [count, width] = Object.values(inputs)[0]!.shape as [number, number];
    const all = { rows: count, width, ...parameters };
    return runWgsl(backend, kernel, { inputs, outputs, parameters: all, site, groups: count });
  };

  /** Lends integers to a kernel as a tensor. */
  const withIntegers = <T>(values: Int32Array, use: (info: tf.TensorInfo) => T): T => {
    const info = backend.makeTensorInfo([values.length], 'int32', values);
    const result = use(info);
    backend.disposeData(info.dataId);
    return result;
  };

  /** Hands back tensors that only the kernel itself needed. */
  const free = (...infos: tf.TensorInfo[]) => {
    for (const { dataId } of infos) backend.disposeData(dataId);
  };

  /** The sums over l of a(i, l) b(j, l) for matrices [i, l] and [j, l], or [l, i] and [l, j] where told so. */
  const multiply = (
    { a, b, bias }: { a: tf.TensorInfo; b: tf.TensorInfo; bias?: tf.TensorInfo },
    { aTransposed = false, bTransposed = false } = {},
  ): tf.TensorInfo => {
    const way = ({ shape }: tf.TensorInfo, transposed: boolean) => {
      const [first, second] = shape as [number, number];
      return transposed
        ? { size: second, depth: first, row: 1, column: second }
        : { size: first, depth: second, row: second, column: 1 };
    };
    const [left, right] = [way(a, aTransposed), way(b, bTransposed)];
    const [m, n] = [left.size, right.size];
    const [y] = runWgsl(backend, bias ? BIASED_PRODUCT : PRODUCT, {
      inputs: { a, b, ...(bias && { bias }) },
      outputs: { y: [m, n] },
      parameters: {
        m,
        n,
        depth: left.depth,
        aRow: left.row,
        aColumn: left.column,
        bRow: right.row,
        bColumn: right.column,
      },
      groups: productGroups(m, n),
    });
    return y!;
  };

  const grid = ({ scale, low, high }: Attributes) => ({
    scale: scale as number,
    low: low as number,
    high: high as number,
  });

  const fakeQuantize = (x: tf.TensorInfo, attributes: Attributes): tf.TensorInfo =>
    elements(FAKE_QUANTIZE, { x }, x.shape, grid(attributes), attributes.site as string | undefined);

  const fakeQuantizeRows = (x: tf.TensorInfo, { levels, site }: Attributes): tf.TensorInfo =>
    rows(
      FAKE_QUANTIZE_ROWS,
      { x },
      { y: x.shape },
      { levels: levels as number },
      site as string | undefined,
    )[0]!;

  const columnSums = (x: tf.TensorInfo): tf.TensorInfo =>
    elements(COLUMN_SUMS, { x }, [x.shape[1]!], { rows: x.shape[0]! });

  /** The sum of losses of rows, times a factor; 0 of none. */
  const total = (losses: tf.TensorInfo, factor: number): tf.TensorInfo => {
    const [sum] = runWgsl(backend, SCALED_SUM, {
      inputs: { x: losses },
      outputs: { sum: [] },
      parameters: { rows: 1, width: sizeOf(losses.shape), factor },
      groups: 1,
    });
    free(losses);
    return sum!;
  };

  const relationShape = ({ teacherQ, q }: Inputs, heads: number) => {
    const { parameters, groups } = attentionShape(q!, heads);
    const teacherWidth = teacherQ!.shape[1]! / heads;
    return {
      parameters: { ...parameters, teacherWidth, teacherScale: 1 / Math.sqrt(teacherWidth) },
      groups,
    };
  };

  /** The divergences of relations by token row and head, and the log sums of both sides. */
  const relationRows = (inputs: Inputs, heads: number): [losses: tf.TensorInfo, stats: tf.TensorInfo] => {
    const tokens = inputs.q!.shape[0]!;
    const outputs = { losses: [tokens * heads], stats: [tokens * heads, 2] };
    const shape = { ...relationShape(inputs, heads), groups: tokens * heads };
    return runWgsl(backend, RELATION_KL_ROWS, { inputs, outputs, ...shape }) as [
      tf.TensorInfo,
      tf.TensorInfo,
    ];
  };

  const attentionShape = ({ shape }: tf.TensorInfo, heads: number) => {
    const [tokens, hidden] = shape as [number, number];
    const width = hidden / heads;
    return {
      parameters: { tokens, heads, width, scale: 1 / Math.sqrt(width) },
      groups: attentionGroups(tokens, heads, width),
    };
  };

  return {
    SdqLinear: ({ x, weight, bias }) => multiply({ a: x!, b: weight!, bias: bias! }),
    SdqLinearGradInput: ({ dy, weight }) => multiply({ a: dy!, b: weight! }, { bTransposed: true }),
    SdqLinearGradWeight: ({ dy, x }) => multiply({ a: dy!, b: x! }, BOTH_TRANSPOSED),
    SdqLinearGradBias: ({ dy }) => columnSums(dy!),
    SdqQuantizedLinear({ x, weight, bias }, attributes) {
      const [m, width] = x!.shape as [number, number];
      const n = weight!.shape[0]!;
      const words = Math.ceil(width / 4);
      const site = attributes.site as string | undefined;
      const { scale, low, high } = grid(attributes);
      // At most 256 steps, moved into a signed byte.
      const middle = low + 128;
      const packed = elements(
        PACK_ROWS_ON_GRID,
        { x: x! },
        [m, words],
        { scale, low, high, middle, width, words },
        site,
      );
      const [packedWeight, weightScales, weightSums] = rows(
        PACK_ROWS,
        { x: weight! },
        { packed: [n, words], scales: [n], sums: [n] },
        { levels: attributes.levels as number, words },
        site,
      ) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
      const [y] = runWgsl(backend, product, {
        inputs: { x: packed, weight: packedWeight, weightScales, weightSums, bias: bias! },
        outputs: { y: [m, n] },
        parameters: { m, n, words, scale, middle },
        groups: productGroups(m, n),
      });
      free(packed, packedWeight, weightScales, weightSums);
      return y!;
    },
    SdqQuantizedLinearGradInput({ dy, x, weight }, attributes) {
      const rounded = fakeQuantizeRows(weight!, attributes);
      const slopes = multiply({ a: dy!, b: rounded }, { bTransposed: true });
      const dx = elements(FAKE_QUANTIZE_GRAD, { x: x!, dy: slopes }, x!.shape, grid(attributes));
      free(rounded, slopes);
      return dx;
    },
    SdqQuantizedLinearGradWeight({ dy, x }, attributes) {
      const rounded = fakeQuantize(x!, attributes);
      const dWeight = multiply({ a: dy!, b: rounded }, BOTH_TRANSPOSED);
      free(rounded);
      return dWeight;
    },
    SdqGelu: ({ x }) => elements(GELU, { x: x! }, x!.shape),
    SdqGeluGrad: ({ x, dy }) => elements(GELU_GRAD, { x: x!, dy: dy! }, x!.shape),
    SdqDropout: ({ x }, { seed, threshold, scale }) =>
      elements(DROPOUT, { x: x! }, x!.shape, {
        seed: seed as number,
        threshold: threshold as number,
        scale: scale as number,
      }),
    SdqLayerNorm: ({ x, gamma, beta }, { epsilon }) =>
      rows(
        LAYER_NORM,
        { x: x!, gamma: gamma!, beta: beta! },
        { y: x!.shape },
        { epsilon: epsilon as number },
      )[0]!,
    SdqLayerNormGrad({ x, gamma, dy }, { epsilon }) {
      const outputs = { dx: x!.shape, slopes: x!.shape };
      const inputs = { x: x!, gamma: gamma!, dy: dy! };
      const [dx, slopes] = rows(LAYER_NORM_GRAD, inputs, outputs, { epsilon: epsilon as number });
      const dGamma = columnSums(slopes!);
      free(slopes!);
      return [dx!, dGamma, columnSums(dy!)];
    },
    SdqAttention({ q, k, v }, attributes) {
      const heads = attributes.heads as number;
      return withIntegers(boundsOf(attributes.offsets as Int32Array), (bounds) =>
        runWgsl(backend, ATTENTION, {
          inputs: { q: q!, k: k!, v: v!, bounds },
          outputs: { y: q!.shape, logSums: [heads, q!.shape[0]!] },
          ...attentionShape(q!, heads),
        }),
      );
    },
    SdqAttentionGrad({ q, k, v, softmax: logSums, dy }, attributes) {
      const heads = attributes.heads as number;
      const shape = attentionShape(q!, heads);
      const inputs = { q: q!, k: k!, v: v!, logSums: logSums!, dy: dy! };
      return withIntegers(boundsOf(attributes.offsets as Int32Array), (bounds) => {
        const [dq, stats] = runWgsl(backend, ATTENTION_GRAD_QUERY, {
          inputs: { ...inputs, bounds },
          outputs: { dq: q!.shape, stats: [...logSums!.shape, 2] },
          ...shape,
        });
        const [dk, dv] = runWgsl(backend, ATTENTION_GRAD_KEY, {
          inputs: { ...inputs, stats: stats!, bounds },
          outputs: { dk: q!.shape, dv: q!.shape },
          ...shape,
        });
        free(stats!);
        return [dq!, dk!, dv!];
      });
    },
    SdqEmbedding({ table }, attributes) {
      const ids = attributes.ids as Int32Array;
      const width = table!.shape[1]!;
      return withIntegers(ids, (info) =>
        elements(EMBEDDING, { table: table!, ids: info }, [ids.length, width], { width }),
      );
    },
    SdqEmbeddingGrad({ dy }, attributes) {
      const width = dy!.shape[1]!;
      const count = attributes.rows as number;
      const { starts, places } = placesById(attributes.ids as Int32Array, count);
      return withIntegers(starts, (starts) =>
        withIntegers(places, (places) =>
          elements(EMBEDDING_GRAD, { dy: dy!, starts, places }, [count, width], { width }),
        ),
      );
    },
    SdqSoftmaxCrossEntropy({ logits }, attributes) {
      const counted = Math.max(1, attributes.counted as number);
      return withIntegers(attributes.labels as Int32Array, (labels) => {
        const [losses] = rows(
          CROSS_ENTROPY_ROWS,
          { logits: logits!, labels },
          { losses: [logits!.shape[0]!] },
        );
        return total(losses!, 1 / counted);
      });
    },
    SdqSoftmaxCrossEntropyGrad({ logits, dy }, attributes) {
      const factor = 1 / Math.max(1, attributes.counted as number);
      return withIntegers(
        attributes.labels as Int32Array,
        (labels) =>
          rows(
            CROSS_ENTROPY_GRAD,
            { logits: logits!, labels, dy: dy! },
            { dx: logits!.shape },
            { factor },
          )[0]!,
      );
    },
    SdqSoftmaxKl({ teacher, student }, attributes) {
      const temperature = attributes.temperature as number;
      const count = student!.shape[0]!;
      const [losses] = rows(
        SOFTMAX_KL_ROWS,
        { teacher: teacher!, student: student! },
        { losses: [count] },
        { inverse: 1 / temperature },
      );
      return total(losses!, temperature ** 2 / count);
    },
    SdqSoftmaxKlGrad({ teacher, student, dy }, attributes) {
      const temperature = attributes.temperature as number;
      const parameters = { inverse: 1 / temperature, factor: temperature / student!.shape[0]! };
      const inputs = { teacher: teacher!, student: student!, dy: dy! };
      return rows(SOFTMAX_KL_GRAD, inputs, { dx: student!.shape }, parameters)[0]!;
    },
    SdqRelationKl(inputs, attributes) {
      const heads = attributes.heads as number;
      return withIntegers(boundsOf(attributes.offsets as Int32Array), (bounds) => {
        const [losses, stats] = relationRows({ ...inputs, bounds }, heads);
        free(stats);
        return total(losses, 1 / (inputs.q!.shape[0]! * heads));
      });
    },
    SdqRelationKlGrad({ dy, ...inputs }, attributes) {
      const heads = attributes.heads as number;
      return withIntegers(boundsOf(attributes.offsets as Int32Array), (bounds) => {
        const [losses, stats] = relationRows({ ...inputs, bounds }, heads);
        const { parameters, groups } = relationShape(inputs, heads);
        const factor = 1 / (inputs.q!.shape[0]! * heads);
        const gradients = [RELATION_KL_GRAD_QUERY, RELATION_KL_GRAD_KEY].map(
          (kernel) =>
            runWgsl(backend, kernel, {
              inputs: { ...inputs, stats, dy: dy!, bounds },
              outputs: { dx: inputs.q!.shape },
              parameters: { ...parameters, factor },
              groups,
            })[0]!,
        );
        free(losses, stats);
        return gradients;
      });
    },
    SdqFakeQuantize: ({ x }, attributes) => fakeQuantize(x!, attributes),
    SdqFakeQuantizeGrad: ({ x, dy }, attributes) =>
      elements(FAKE_QUANTIZE_GRAD, { x: x!, dy: dy! }, x!.shape, grid(attributes)),
    SdqFakeQuantizeRows: ({ x }, attributes) => fakeQuantizeRows(x!, attributes),
  };
}

/** For each token row the first row of its sequence, and the first after it. */
function boundsOf(offsets: Int32Array): Int32Array {
  const bounds = new Int32Array(2 * offsets[offsets.length - 1]!);
  for (let i = 0; i + 1 < offsets.length; i++) {
    for (let row = offsets[i]!; row < offsets[i + 1]!; row++) {
      bounds[2 * row] = offsets[i]!;
      bounds[2 * row + 1] = offsets[i + 1]!;
    }
  }
  return bounds;
}

/** The places of each id, in their order: those of `id` are from starts[id] to starts[id + 1]. */
function placesById(ids: Int32Array, count: number): { starts: Int32Array; places: Int32Array } {
  const starts = new Int32Array(count + 1);
  for (const id of ids) starts[id + 1]!++;
  for (let id = 0; id < count; id++) starts[id + 1]! += starts[id]!;
  const next = starts.slice();
  const places = new Int32Array(ids.length);
  ids.forEach((id, place) => {
    places[next[id]!++] = place;
  });
  return { starts, places };
}

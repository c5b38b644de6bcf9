import * as tf from '@tensorflow/tfjs';
import type { Addon } from './addon.ts';
import { BACKEND, type SdqCpuBackend } from './backend.ts';

type Inputs = Record<string, tf.TensorInfo>;
type Attributes = Record<string, unknown>;
/** Gives undefined where the stock kernel must do it. */
type Replacement = (inputs: Inputs, attributes: Attributes) => tf.TensorInfo | undefined;

/** Takes over all kernels of tfjs's cpu backend and replaces the hot ones by native code. */
export function registerStockKernels(addon: Addon, backend: SdqCpuBackend): void {
  tf.copyRegisteredKernels('cpu', BACKEND);
  for (const [kernelName, replacement] of Object.entries(replacements(addon, backend))) {
    const stock = tf.getKernel(kernelName, 'cpu');
    tf.unregisterKernel(kernelName, BACKEND);
    tf.registerKernel({
      ...stock,
      backendName: BACKEND,
      kernelFunc: (params) =>
        replacement(params.inputs as Inputs, (params.attrs ?? {}) as Attributes) ?? stock.kernelFunc(params),
    });
  }
}

const ADD = 0;
const SUBTRACT = 1;
const MULTIPLY = 2;
const SUBTRACT_FROM = 3;

function replacements(addon: Addon, backend: SdqCpuBackend): Record<string, Replacement> {
  const binary = (operation: number): Replacement => {
    const reversed = operation === SUBTRACT ? SUBTRACT_FROM : operation;
    return ({ a, b }) => {
      if (a!.dtype !== 'float32' || b!.dtype !== 'float32') return undefined;
      const shape = tf.backend_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
      const size = tf.util.sizeFromShape(shape);
      const first = backend.floats(a!);
      const second = backend.floats(b!);
      const commutes = operation !== SUBTRACT;
      if (first.length === size && (second.length === size || isTrailing(b!.shape, shape))) {
        const { info, values } = backend.allocate(shape);
        if (second.length === 1) addon.withScalar(operation, first, second[0]!, values);
        else addon.binary(operation, first, second, values);
        return info;
      }
      if (second.length !== size) return undefined;
      if (first.length !== 1 && !(commutes && isTrailing(a!.shape, shape))) return undefined;
      const { info, values } = backend.allocate(shape);
      if (first.length === 1) addon.withScalar(reversed, second, first[0]!, values);
      else addon.binary(operation, second, first, values);
      return info;
    };
  };

  const matMul: Replacement = ({ a, b }, { transposeA, transposeB }) => {
    if (a!.dtype !== 'float32' || b!.dtype !== 'float32') return undefined;
    const [aBatch, aRows, aColumns] = asBatch(a!.shape);
    const [bBatch, bRows, bColumns] = asBatch(b!.shape);
    const outer = sharedBatch(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
    const [inner, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
    if (!outer || inner !== k) return undefined;
    const { info, values } = backend.allocate([...outer, m, n]);
    addon.batchMatmul(
      backend.floats(a!),
      backend.floats(b!),
      values,
      Math.max(aBatch, bBatch),
      m,
      n,
      k,
      (transposeA ? 1 : 0) + (transposeB ? 2 : 0),
      aBatch === 1 ? 0 : m * k,
      bBatch === 1 ? 0 : n * k,
    );
    return info;
  };

  /** Runs a kernel of this backend on an intermediate result and frees it. */
  const then = (kernelName: string, x: tf.TensorInfo, inputs: Inputs, attrs: Attributes): tf.TensorInfo => {
    const { kernelFunc } = tf.getKernel(kernelName, BACKEND);
    const out = kernelFunc({ inputs, backend, attrs: attrs as unknown as tf.NamedAttrMap }) as tf.TensorInfo;
    backend.disposeData(x.dataId);
    return out;
  };

  return {
    Add: binary(ADD),
    Sub: binary(SUBTRACT),
    Multiply: binary(MULTIPLY),
    AddN(inputs) {
      const list = Object.values(inputs);
      if (list.length === 0 || list.some((x) => x.dtype !== 'float32')) return undefined;
      const { info, values } = backend.allocate(list[0]!.shape);
      addon.addN(
        list.map((x) => backend.floats(x)),
        values,
      );
      return info;
    },
    Tanh({ x }) {
      if (x!.dtype !== 'float32') return undefined;
      const { info, values } = backend.allocate(x!.shape);
      addon.tanh(backend.floats(x!), values);
      return info;
    },
    Softmax({ logits }, { dim }) {
      const width = logits!.shape[logits!.shape.length - 1] ?? 0;
      if (logits!.dtype !== 'float32' || dim !== logits!.shape.length - 1 || width === 0) return undefined;
      const { info, values } = backend.allocate(logits!.shape);
      addon.softmax(backend.floats(logits!), width, values);
      return info;
    },
    BatchMatMul: matMul,
    _FusedMatMul({ a, b, bias, preluActivationWeights }, attributes) {
      let out = matMul({ a: a!, b: b! }, attributes);
      if (!out) return undefined;
      if (bias) out = then('Add', out, { a: out, b: bias }, {});
      const activation = attributes.activation as Activation | undefined;
      if (!activation || activation === 'linear') return out;
      if (activation === 'prelu') return then('Prelu', out, { x: out, alpha: preluActivationWeights! }, {});
      if (activation === 'leakyrelu') {
        return then('LeakyRelu', out, { x: out }, { alpha: attributes.leakyreluAlpha });
      }
      return then(activations[activation], out, { x: out }, {});
    },
  };
}

type Activation = keyof typeof activations | 'linear' | 'prelu' | 'leakyrelu';

const activations = { relu: 'Relu', relu6: 'Relu6', elu: 'Elu', sigmoid: 'Sigmoid' } as const;

/** Whether `part`, but for leading ones, is the end of `shape`, so that it repeats along the values. */
function isTrailing(part: readonly number[], shape: readonly number[]): boolean {
  const first = part.findIndex((size) => size !== 1);
  if (first < 0) return true;
  const core = part.slice(first);
  return core.every((size, i) => size === shape[shape.length - core.length + i]);
}

function asBatch(shape: readonly number[]): [batch: number, rows: number, columns: number] {
  const rank = shape.length;
  return [tf.util.sizeFromShape(shape.slice(0, -2)), shape[rank - 2]!, shape[rank - 1]!];
}

/** The batch axes of a product: equal ones, or those of one side when the other has a single matrix. */
function sharedBatch(a: number[], b: number[]): number[] | undefined {
  if (a.length === b.length && a.every((size, i) => size === b[i])) return a;
  if (b.every((size) => size === 1) && b.length <= a.length) return a;
  if (a.every((size) => size === 1) && a.length <= b.length) return b;
  return undefined;
}

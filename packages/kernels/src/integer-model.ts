import type { AffineGrid, EncoderOps, QuantizedRows, Site } from '@sdq/core';
import { hostKernels } from './host-kernels.ts';

/** A forward pass, written against the operations of any interpreter; `parameter` finds parameters by name. */
export type ForwardPass = <T>(ops: EncoderOps<T>, parameter: (name: string) => T) => T;

/** The parameters of a quantized model. */
export interface IntegerParameters {
  /** Matrices as integers, by parameter name (`encoder.layer.0.output.dense.weight`). */
  readonly weights: ReadonlyMap<string, QuantizedRows>;
  /** The grids of linear layers' inputs, by site; each at most 256 steps. */
  readonly grids: ReadonlyMap<Site, AffineGrid>;
  /** All other parameters, by name. */
  readonly floats: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
}

/** A model that runs in integers: packed weights, and one native call a batch. */
export interface IntegerModel {
  /**
   * The result of a pass as rows [shape[0], shape[1]]; the pass must be that of the model's making, on any batch.
   *
   * @throws SdqError 'bad-value' when the input of a quantized site holds NaN or infinity; 'bad-data' when ids or
   * offsets do not fit, the batch is empty, or the pass is another
   */
  run(pass: ForwardPass): { readonly values: Float32Array; readonly shape: readonly [number, number] };
  /** The seconds that each kind of step took so far. */
  profile(): { readonly seconds: Readonly<Record<string, number>> };
  /** Frees the weights and buffers. */
  dispose(): void;
}

/**
 * A quantized model on the current backend's integer kernels; nothing where the backend has none, or where a linear
 * layer's input has a grid and groups of its weight's columns have scales of their own.
 *
 * Linear layers with integer weights and a grid multiply integers; the others run in float32. The results are those of
 * fake quantization to float rounding, save where that moves a value across the middle between two steps of a grid.
 *
 * @param pass - the forward pass on any batch: it tells the structure
 * @throws SdqError 'missing-tensor', 'bad-shape', 'bad-value'
 *
 * @example
 * ```ts
 * import type { PackedBatch } from '@sdq/core';
 * import { createIntegerModel, type ForwardPass, type IntegerParameters } from '@sdq/kernels';
 *
 * function classify(parameters: IntegerParameters, batch: PackedBatch) {
 *   const pass: ForwardPass = (ops, parameter) => {
 *     const x = ops.embed('words', batch.ids, parameter('words.weight'));
 *     return ops.linear('classifier', x, parameter('classifier.weight'), parameter('classifier.bias'));
 *   };
 *   const model = createIntegerModel(pass, parameters);
 *   return model?.run(pass).values;
 * }
 * ```
 */
export function createIntegerModel(
  pass: ForwardPass,
  parameters: IntegerParameters,
): IntegerModel | undefined {
  const { weights, grids } = parameters;
  const grouped = [...weights].some(
    ([name, { groupSize }]) => groupSize !== undefined && grids.has(name.replace(/\.weight$/, '')),
  );
  return grouped ? undefined : hostKernels()?.createIntegerModel?.(pass, parameters);
}

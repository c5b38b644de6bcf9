import * as tf from '@tensorflow/tfjs';
import type { ForwardPass, IntegerModel, IntegerParameters } from './integer-model.ts';

/** What is the same for all parameters of an AdamW step. */
export interface AdamStep {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Multiplies each gradient first. */
  readonly gradientScale: number;
  /** The number of this step, from 1. */
  readonly step: number;
}

/** One parameter of an AdamW step: all tensors of one shape. */
export interface AdamUpdate {
  readonly variable: tf.Variable;
  readonly gradient: tf.Tensor;
  /** The running mean of the gradient, updated in place. */
  readonly mean: tf.Tensor;
  /** The running mean of the squared gradient, updated in place. */
  readonly square: tf.Tensor;
  readonly weightDecay: number;
}

/** Some rows of a table in an AdamW step; `means` and `squares` are updated in place. */
export interface AdamRowsUpdate {
  readonly table: tf.Variable;
  /** [rows], all different. */
  readonly rowIds: Int32Array;
  /** [rows], the row of `means` and `squares` that belongs to each. */
  readonly slots: Int32Array;
  /** [rows, hidden] */
  readonly gradients: tf.Tensor;
  /** [slots, hidden] */
  readonly means: Float32Array;
  /** [slots, hidden] */
  readonly squares: Float32Array;
  readonly weightDecay: number;
}

/**
 * Kernels that a backend may bring and that tfjs has no form for: their results are numbers, or they change
 * variables in place.
 */
export interface HostKernels {
  minMax(x: tf.Tensor): { min: number; max: number; finite: boolean };
  sumOfSquares(tensors: readonly tf.Tensor[]): number;
  /** Must leave alone every other tensor that shares a variable's data. */
  adamW(updates: readonly AdamUpdate[], step: AdamStep): void;
  adamWRows?(update: AdamRowsUpdate, step: AdamStep): void;
  createIntegerModel?(pass: ForwardPass, parameters: IntegerParameters): IntegerModel;
}

const byBackend = new Map<string, HostKernels | undefined>();

/**
 * Gives a tfjs backend its host kernels, or takes them away.
 *
 * @example
 * ```ts
 * import { type HostKernels, registerHostKernels } from '@sdq/kernels';
 *
 * declare const kernels: HostKernels;
 * registerHostKernels('my-backend', kernels);
 * ```
 */
export function registerHostKernels(backend: string, kernels: HostKernels | undefined): void {
  byBackend.set(backend, kernels);
}

/** The host kernels of the current backend, if it has any. */
export function hostKernels(): HostKernels | undefined {
  return byBackend.get(tf.getBackend());
}

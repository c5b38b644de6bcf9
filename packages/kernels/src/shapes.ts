import { SdqError } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';

/** Throws SdqError `bad-shape` unless `holds`. */
export function requireShape(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new SdqError('bad-shape', message());
}

/** The rows and columns of a matrix of floats. */
export function matrixShape(op: string, name: string, x: Tensor): [rows: number, columns: number] {
  requireShape(
    x.rank === 2 && x.dtype === 'float32',
    () => `${op}: ${name} is ${x.dtype} [${x.shape}], not a float32 matrix.`,
  );
  return x.shape as [number, number];
}

/** Throws unless two tensors have one shape. */
export function requireSameShape(op: string, a: Tensor, b: Tensor): void {
  requireShape(
    a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]),
    () => `${op}: the shapes [${a.shape}] and [${b.shape}] differ.`,
  );
}

/** Throws unless `x` is a vector of `size` floats. */
export function requireVector(op: string, name: string, x: Tensor, size: number): void {
  requireShape(
    x.rank === 1 && x.shape[0] === size,
    () => `${op}: ${name} is [${x.shape}], but [${size}] fits the other inputs.`,
  );
}

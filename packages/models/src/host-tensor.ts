/** A tensor outside any backend: what checkpoint files hold. */
export interface HostTensor {
  readonly shape: readonly number[];
  /** The elements, row after row. */
  readonly data: Float32Array;
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

import { SdqError } from '@sdq/core';

/**
 * The upper triangular U with U U^T = A, of a symmetric positive definite A [size, size], in float64.
 *
 * @returns [size, size], zero below the diagonal
 * @throws SdqError `bad-value` when A is not positive definite
 */
export function reverseCholesky(a: Float64Array, size: number): Float64Array {
  const u = new Float64Array(size * size);
  for (let j = size - 1; j >= 0; j--) {
    const rowJ = j * size;
    const pivot = a[rowJ + j]! - dot(u, rowJ, rowJ, j + 1, size);
    if (!(pivot > 0)) {
      throw new SdqError('bad-value', 'The Gram matrix is not positive definite: raise the damping.');
    }
    const diagonal = Math.sqrt(pivot);
    u[rowJ + j] = diagonal;
    for (let i = 0; i < j; i++) {
      const rowI = i * size;
      u[rowI + j] = (a[rowI + j]! - dot(u, rowI, rowJ, j + 1, size)) / diagonal;
    }
  }
  return u;
}

/** The sum of u[first + k] * u[second + k] over k in [from, to). */
function dot(u: Float64Array, first: number, second: number, from: number, to: number): number {
  // Four sums that do not wait for one another.
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = from;
  for (; k + 3 < to; k += 4) {
    s0 += u[first + k]! * u[second + k]!;
    s1 += u[first + k + 1]! * u[second + k + 1]!;
    s2 += u[first + k + 2]! * u[second + k + 2]!;
    s3 += u[first + k + 3]! * u[second + k + 3]!;
  }
  for (; k < to; k++) s0 += u[first + k]! * u[second + k]!;
  return s0 + s1 + s2 + s3;
}

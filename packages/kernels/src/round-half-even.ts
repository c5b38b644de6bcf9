/**
 * The nearest integer, half to even, of a number of magnitude below 2^51.
 *
 * @example
 * ```ts
 * import { roundHalfEven } from '@sdq/kernels';
 *
 * [0.5, 1.5, -2.5].map(roundHalfEven); // [0, 2, -2]
 * ```
 */
export function roundHalfEven(x: number): number {
  // Adding 1.5 * 2^52 leaves no room for a fraction; the processor rounds half to even.
  return x + 6755399441055744 - 6755399441055744;
}

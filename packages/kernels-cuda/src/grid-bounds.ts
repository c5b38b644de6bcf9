import { roundHalfEven } from '@sdq/kernels';

/**
 * The smallest and the largest float32 that a grid does not clip: x rounds to a step from low to high exactly if it lies
 * between them. Division and rounding are those of float32, half to even.
 *
 * @param scale - a float32 above 0
 * @param low - an integer
 * @param high - an integer, not below low
 */
export function gridBounds(scale: number, low: number, high: number): { least: number; most: number } {
  return { least: leastOf(scale, low), most: -leastOf(scale, -high) };
}

/** The smallest float32 that rounds to `step` or above. */
function leastOf(scale: number, step: number): number {
  const reaches = (x: number) => roundHalfEven(Math.fround(x / scale)) >= step;
  let x = Math.fround((step - 0.5) * scale);
  while (!reaches(x)) x = neighbour(x, 1);
  for (let below = neighbour(x, -1); reaches(below); below = neighbour(x, -1)) x = below;
  return x;
}

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** The next float32 upwards or downwards. */
function neighbour(x: number, direction: 1 | -1): number {
  floats[0] = x;
  if (x === 0) bits[0] = direction > 0 ? 1 : 0x80000001 | 0;
  else bits[0]! += x > 0 === direction > 0 ? 1 : -1;
  return floats[0]!;
}

/**
 * The share of the peak learning rate at a step: a linear rise over the warm-up, then a linear fall to zero.
 *
 * @param step - from 0
 * @param warmupShare - the share of all steps that the rise takes, in [0, 1)
 *
 * @example
 * ```ts
 * import { warmupLinear } from '@sdq/pipeline';
 *
 * warmupLinear(0, 100, 0.1); // 0.1
 * warmupLinear(55, 100, 0.1); // 0.5
 * ```
 */
export function warmupLinear(step: number, totalSteps: number, warmupShare: number): number {
  const warmup = Math.ceil(totalSteps * warmupShare);
  if (step < warmup) return (step + 1) / warmup;
  return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmup));
}

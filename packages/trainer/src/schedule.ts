/**
 * The share of the peak learning rate at a step: a linear rise over the warm-up, then a linear fall to zero.
 *
 * @param step - from 0
 * @param warmupShare - the share of all steps that the rise takes, in [0, 1)
 *
 * @example
 * ```ts
 * import { warmupLinear } from '@sdq/trainer';
 *
 * warmupLinear(0, 100, 0.1); // 0.1
 * warmupLinear(55, 100, 0.1); // 0.5
 * ```
 */
export function warmupLinear(step: number, totalSteps: number, warmupShare: number): number {
  return warmup(step, totalSteps, warmupShare) ?? left(step, totalSteps, warmupShare);
}

/**
 * The share of the peak learning rate at a step: a linear rise over the warm-up, then half a wave of the cosine down to
 * zero. Source: Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5, without
 * restarts.
 *
 * @param step - from 0
 * @param warmupShare - the share of all steps that the rise takes, in [0, 1)
 *
 * @example
 * ```ts
 * import { warmupCosine } from '@sdq/trainer';
 *
 * warmupCosine(0, 100, 0.1); // 0.1
 * warmupCosine(55, 100, 0.1); // 0.5
 * ```
 */
export function warmupCosine(step: number, totalSteps: number, warmupShare: number): number {
  const angle = Math.PI * (1 - left(step, totalSteps, warmupShare));
  return warmup(step, totalSteps, warmupShare) ?? (1 + Math.cos(angle)) / 2;
}

function warmup(step: number, totalSteps: number, warmupShare: number): number | undefined {
  const steps = Math.ceil(totalSteps * warmupShare);
  return step < steps ? (step + 1) / steps : undefined;
}

/** The share of the steps after the warm-up that is left, in [0, 1]. */
function left(step: number, totalSteps: number, warmupShare: number): number {
  const steps = Math.ceil(totalSteps * warmupShare);
  return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - steps));
}

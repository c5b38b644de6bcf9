import { SdqError } from '@sdq/core';

/** A weight that changes linearly over the first part of the training, and stays. */
export interface LinearRamp {
  readonly from: number;
  readonly to: number;
  /** The share of the training after which the weight is `to`, in (0, 1]; 1 if absent. */
  readonly until?: number | undefined;
}

/** How much a loss counts: always the same, or by how much of the training is done. */
export type WeightSchedule = number | LinearRamp;

/**
 * The weight when a share of the training is done.
 *
 * @param progress - the share of all steps that are done, in [0, 1]
 *
 * @example
 * ```ts
 * import { weightAt } from '@sdq/distillation';
 *
 * weightAt(100, 0.3); // 100
 * weightAt({ from: 0, to: 100, until: 0.5 }, 0.25); // 50
 * weightAt({ from: 0, to: 100, until: 0.5 }, 0.75); // 100
 * ```
 */
export function weightAt(schedule: WeightSchedule, progress: number): number {
  if (typeof schedule === 'number') return schedule;
  const { from, to, until = 1 } = schedule;
  return from + (to - from) * Math.min(1, progress / until);
}

/** Throws SdqError `bad-option` unless the weights are not negative and the ramp ends within the training. */
export function requireSchedule(loss: string, schedule: WeightSchedule): void {
  const { from, to, until = 1 } = typeof schedule === 'number' ? { from: schedule, to: schedule } : schedule;
  const weights = [from, to].every((weight) => Number.isFinite(weight) && weight >= 0);
  if (weights && until > 0 && until <= 1) return;
  throw new SdqError(
    'bad-option',
    `The weight ${JSON.stringify(schedule)} of ${loss} is no number from 0 on, nor a ramp between such that ends in (0, 1].`,
  );
}

import type { EncoderShape, LossFactory } from '@sdq/core';
import { type MethodKey, methodNamed } from '@sdq/core/results';
import { type CombinedLoss, combineLosses, namedLoss, requireComparable } from '@sdq/distillation';
import type { DistillationConfig } from './distillation-config.ts';

/**
 * What a method distils; undefined for those that do not.
 *
 * @param more - losses that plug-ins bring
 * @throws SdqError `unknown-name` for an unknown loss; `bad-option` for invalid weights, layers or relation heads
 */
export function distillationOf(
  method: MethodKey,
  config: DistillationConfig,
  more?: ReadonlyMap<string, LossFactory>,
): CombinedLoss | undefined {
  const weights = methodNamed(method).distils?.(config);
  if (!weights) return undefined;
  const { logits, attention, losses, ...options } = config;
  return combineLosses(
    Object.entries(weights).map(([name, weight]) => ({
      loss: namedLoss(name, options, more),
      weight: weight!,
    })),
  );
}

/**
 * Checks that methods can distil a model of this shape into another of the same.
 *
 * @throws SdqError `bad-option` as `requireComparable`
 */
export function requireDistillable(
  methods: readonly MethodKey[],
  config: DistillationConfig,
  model: EncoderShape,
  more?: ReadonlyMap<string, LossFactory>,
): void {
  for (const method of methods) {
    requireComparable(distillationOf(method, config, more)?.losses ?? [], model, model);
  }
}

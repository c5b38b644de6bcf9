import type { EncoderShape } from '@sdq/core';
import {
  attentionOutputKl,
  attentionOutputMse,
  type CombinedLoss,
  combineLosses,
  logitKl,
  requireComparable,
} from '@sdq/distillation';
import type { Method, RunConfig } from './run-config.ts';

/**
 * What a method distils; QAT nothing.
 *
 * @throws SdqError `bad-option` when the losses cannot compare a model of this shape with itself
 */
export function distillationFor(
  method: Exclude<Method, 'ptq'>,
  { logits, attention, temperature }: RunConfig['distillation'],
  model: EncoderShape,
): CombinedLoss | undefined {
  if (method === 'qat') return undefined;
  const combined = combineLosses([
    { loss: logitKl(temperature), weight: logits },
    { loss: method === 'sdq' ? attentionOutputKl() : attentionOutputMse(), weight: attention },
  ]);
  requireComparable(combined.losses, model, model);
  return combined;
}

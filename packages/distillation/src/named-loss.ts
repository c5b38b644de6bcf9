import { type DistillationLoss, type LossFactory, type LossOptions, unknownName } from '@sdq/core';
import { attentionMapAndOutput } from './attention-map-and-output.ts';
import { attentionMapKl } from './attention-map-kl.ts';
import { attentionOutputKl } from './attention-output-kl.ts';
import { attentionOutputMse } from './attention-output-mse.ts';
import { hiddenCosine } from './hidden-cosine.ts';
import { hiddenMse } from './hidden-mse.ts';
import { logitKl } from './logit-kl.ts';
import { projectedAttentionMse } from './projected-attention-mse.ts';
import { selfAttentionRelations } from './self-attention-relations.ts';

const LOSSES: Readonly<Record<string, LossFactory>> = {
  'logit-kl': ({ temperature }) => logitKl(temperature),
  'att-kld': attentionOutputKl,
  'att-mse': attentionOutputMse,
  'att-projection-mse': projectedAttentionMse,
  'att-map-kl': attentionMapKl,
  'att-map-output': ({ layers }) => attentionMapAndOutput({ layers }),
  'minilm-relations': selfAttentionRelations,
  'hidden-mse': hiddenMse,
  'hidden-cosine': hiddenCosine,
};

/** The names that {@link namedLoss} knows. */
export const LOSS_NAMES: readonly string[] = Object.keys(LOSSES);

/**
 * A loss by its name, as configurations have it.
 *
 * @param more - losses that plug-ins bring
 * @throws SdqError `unknown-name` that lists the names there are; `bad-option` as the loss itself
 *
 * @example
 * ```ts
 * import { namedLoss } from '@sdq/distillation';
 *
 * namedLoss('hidden-mse', { layers: 'last' }).name; // 'hidden-mse'
 * ```
 */
export function namedLoss(
  name: string,
  options: LossOptions = {},
  more: ReadonlyMap<string, LossFactory> = new Map(),
): DistillationLoss {
  const make = Object.hasOwn(LOSSES, name) ? LOSSES[name] : more.get(name);
  if (!make) throw unknownName('distillation loss', name, [...LOSS_NAMES, ...more.keys()]);
  return make(options);
}

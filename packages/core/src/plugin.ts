import type { DistillationLoss } from './distillation.ts';
import type { WeightQuantizer } from './quantization.ts';

/** The contract between sdq and its plug-ins; another number means that one cannot use the other. */
export const PLUGIN_CONTRACT = 2;

/** What losses chosen by name may be told; each takes what concerns it. */
export interface LossOptions {
  /** What logits are divided by, above 0. */
  readonly temperature?: number | undefined;
  /** The layers that the loss reads: all, each model's last one, or those of these numbers, from 0. */
  readonly layers?: 'all' | 'last' | readonly number[] | undefined;
  /** Into how many parts queries, keys and values are divided. */
  readonly relationHeads?: number | undefined;
}

/** Makes a loss of the options of a run. */
export type LossFactory = (options: LossOptions) => DistillationLoss;

/** What a plug-in brings, by names that configurations can use. */
export interface PluginParts {
  /** The plug-in's own name, for messages: lower-case letters, digits, dots and dashes. */
  readonly name: string;
  /** Weight quantizers, which the rules of a plan take by their names. */
  readonly quantizers?: readonly WeightQuantizer[];
  /** Distillation losses by their names, for the `losses` of a run. */
  readonly losses?: Readonly<Record<string, LossFactory>>;
}

/** A plug-in: what the default export of its module is. */
export interface Plugin extends PluginParts {
  readonly contract: typeof PLUGIN_CONTRACT;
}

/**
 * Declares a plug-in, for the default export of a module that `sdq run --plugin` names.
 *
 * @example
 * ```ts
 * import { type DistillationLoss, definePlugin } from '@sdq/core';
 *
 * const logitMse = (): DistillationLoss => ({
 *   name: 'logit-mse',
 *   taps: () => false,
 *   compute: (teacher, student) => student.logits.squaredDifference(teacher.logits).mean(),
 * });
 * const plugin = definePlugin({ name: 'my-lab', losses: { 'logit-mse': logitMse } });
 * plugin.contract; // 2
 * ```
 */
export function definePlugin(parts: PluginParts): Plugin {
  const { name, quantizers, losses } = parts;
  // Named beside the spread, which leaves out what the class of an object has.
  const named = { name, ...(quantizers && { quantizers }), ...(losses && { losses }) };
  return { ...parts, ...named, contract: PLUGIN_CONTRACT };
}

import { type Site, yieldToEvents } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { ObservingOps } from '../interpreters/index.ts';
import { createObserver, type ObserverName } from '../observers/index.ts';
import type { ResolvedPlan } from '../plan/index.ts';
import type { CalibratedModel } from './post-training.ts';

/** The range of each site's input. */
export type SiteRanges = ReadonlyMap<Site, { readonly min: number; readonly max: number }>;

/**
 * The range of each input that a plan quantizes statically, as each of some observers finds it in one pass over the
 * batches.
 *
 * @throws SdqError `empty-data` when no batch reaches a site; `bad-value` when an input is not finite: names the site
 *
 * @example
 * ```ts
 * import { type CalibratedModel, calibrate, gridsForRanges, type ResolvedPlan } from '@sdq/quantizers';
 *
 * async function grids<Batch>(model: CalibratedModel<Batch>, batches: readonly Batch[], plan: ResolvedPlan) {
 *   const ranges = await calibrate(model, batches, plan, ['min-max', 'mse']);
 *   return gridsForRanges(ranges.mse, plan);
 * }
 * ```
 */
export async function calibrate<Batch, Name extends ObserverName>(
  model: CalibratedModel<Batch>,
  batches: readonly Batch[],
  plan: ResolvedPlan,
  names: readonly Name[],
): Promise<Record<Name, SiteRanges>> {
  const layers: ObservingOps[] = [];
  for (const name of names) {
    const inner = layers.at(-1) ?? model.float;
    layers.push(
      new ObservingOps(inner, plan, (site) => createObserver(name, plan.get(site)!.activationBits)),
    );
  }
  const outermost = layers.at(-1);
  if (outermost && outermost.observers.size > 0) {
    for (const batch of batches) {
      tf.tidy(() => void model.forward(outermost, model.parameters, batch));
      await yieldToEvents();
    }
  }
  const ranges = layers.map((layer, i): [Name, SiteRanges] => [names[i]!, layer.ranges()]);
  return Object.fromEntries(ranges) as Record<Name, SiteRanges>;
}

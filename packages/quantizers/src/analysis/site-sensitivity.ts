import type { AffineGrid, Site } from '@sdq/core';
import type { Sensitivity, SiteSensitivity } from '@sdq/core/results';
import type { ResolvedPlan } from '../plan/index.ts';
import type { CalibratedModel } from '../post-training/index.ts';
import { OutputError } from './output-error.ts';

/**
 * Measures how far the logits of a model move with only one site of a plan quantized, and with all but that one.
 *
 * @param grids - of static activations
 * @param onSite - told after each site how many are done, and of how many
 * @throws SdqError `empty-data` without batches; `bad-value` when the logits are not finite; `bad-plan` without a grid
 *
 * @example
 * ```ts
 * import { type CalibratedModel, createPlan, quantize, resolvePlan, sitesOf, siteSensitivity } from '@sdq/quantizers';
 *
 * async function sensitivity<Batch>(model: CalibratedModel<Batch>, batches: readonly Batch[]) {
 *   const { grids } = await quantize(model, batches, createPlan('w8a8'));
 *   const plan = resolvePlan(createPlan('w8a8'), sitesOf(model.parameters), model.roleOf);
 *   return (await siteSensitivity(model, batches, plan, grids)).sites;
 * }
 * ```
 */
export async function siteSensitivity<Batch>(
  model: CalibratedModel<Batch>,
  batches: readonly Batch[],
  plan: ResolvedPlan,
  grids: ReadonlyMap<Site, AffineGrid>,
  onSite: (done: number, sites: number) => void = () => {},
): Promise<Sensitivity> {
  const outputs = await OutputError.of(model, batches);
  try {
    const all = await outputs.under(plan, grids);
    const sites: SiteSensitivity[] = [];
    for (const [site, rule] of plan) {
      const others = new Map(plan);
      others.delete(site);
      sites.push({
        site,
        only: await outputs.under(new Map([[site, rule]]), grids),
        allBut: await outputs.under(others, grids),
      });
      onSite(sites.length, plan.size);
    }
    return { all, sites };
  } finally {
    outputs.dispose();
  }
}

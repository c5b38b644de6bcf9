import { type RoleOf, SdqError, type Site, type WeightQuantizer } from '@sdq/core';
import type * as tf from '@tensorflow/tfjs';
import { matchesSite, type Plan, type PlanRule, sitesOf } from '../plan/index.ts';
import type { CalibratedModel } from '../post-training/index.ts';
import { storedBytes } from '../weights/index.ts';
import { OutputError } from './output-error.ts';

/** One way to quantize the weight of a site, and what it costs. */
export interface SiteOption {
  readonly weight: WeightQuantizer;
  /** On disk. */
  readonly bytes: number;
  /** The squared error of the model's logits with this weight alone quantized, relative to their square. */
  readonly error: number;
}

/** The options of each site. */
export type SiteOptions = ReadonlyMap<Site, readonly SiteOption[]>;

/**
 * Measures what each way to quantize the weight of a site costs: its bytes, and how far the model's logits move when that
 * weight alone is quantized.
 *
 * Source: Dong et al. 2020, "HAWQ-V2", section 4.1, for the aim; the error is measured here and not approximated.
 *
 * @param candidates - the quantizers that a site may get
 * @param onSite - told after each site how many are done, and of how many
 * @throws SdqError `empty-data` without batches; `bad-value` when the logits are not finite
 *
 * @example
 * ```ts
 * import { type CalibratedModel, chooseBits, measureOptions, mixedPrecisionPlan, perChannel } from '@sdq/quantizers';
 *
 * async function plan<Batch>(model: CalibratedModel<Batch>, batches: readonly Batch[], bytes: number) {
 *   const options = await measureOptions(model, batches, [perChannel(8), perChannel(4)]);
 *   return mixedPrecisionPlan(chooseBits(options, bytes), [{ match: '**', activationBits: 8 }]);
 * }
 * ```
 */
export async function measureOptions<Batch>(
  model: CalibratedModel<Batch>,
  batches: readonly Batch[],
  candidates: readonly WeightQuantizer[],
  onSite: (done: number, sites: number) => void = () => {},
): Promise<SiteOptions> {
  const outputs = await OutputError.of(model, batches);
  try {
    const sites = sitesOf(model.parameters);
    const measured = new Map<Site, SiteOption[]>();
    for (const site of sites) {
      const { shape } = model.parameters.get(`${site}.weight`)! as tf.Tensor2D;
      const options: SiteOption[] = [];
      for (const weight of candidates) {
        const plan = new Map([[site, { match: site, weight }]]);
        const { error } = await outputs.under(plan, new Map());
        options.push({ weight, bytes: storedBytes(shape, weight.bits, weight.granularity), error });
      }
      measured.set(site, options);
      onSite(measured.size, sites.length);
    }
    return measured;
  } finally {
    outputs.dispose();
  }
}

/**
 * The quantizer of each site with the least summed error that a budget of bytes allows.
 *
 * Every site starts at its cheapest option; then the step that lowers the error most a byte is taken, as long as it fits.
 * Steps go along the lower convex hull of a site's options, so that no step hides a better one behind it; what is left of
 * the budget then buys the options that lie above the hull.
 *
 * @param budget - for all sites together, in bytes
 * @throws SdqError `bad-option` when even the cheapest options do not fit: says what is needed
 *
 * @example
 * ```ts
 * import { chooseBits, perChannel } from '@sdq/quantizers';
 *
 * const options = [
 *   { weight: perChannel(8), bytes: 100, error: 0.1 },
 *   { weight: perChannel(4), bytes: 50, error: 2 },
 * ];
 * const sturdy = options.map((option) => ({ ...option, error: option.error / 10 }));
 * const chosen = chooseBits(new Map([['fragile', options], ['sturdy', sturdy]]), 150);
 * [...chosen.values()].map(({ bits }) => bits); // [8, 4]
 * ```
 */
export function chooseBits(measured: SiteOptions, budget: number): ReadonlyMap<Site, WeightQuantizer> {
  const sites = [...measured].map(([site, options]) => {
    const hull = lowerHull(options);
    return { site, hull, options, chosen: hull[0]! };
  });
  let bytes = sites.reduce((sum, { chosen }) => sum + chosen.bytes, 0);
  if (!(bytes <= budget)) {
    throw new SdqError(
      'bad-option',
      `The budget of ${budget} bytes is too small: the weights need at least ${bytes}.`,
    );
  }
  const spend = (next: (site: (typeof sites)[number]) => readonly SiteOption[]) => {
    for (;;) {
      let best: { site: (typeof sites)[number]; option: SiteOption; gain: number } | undefined;
      for (const site of sites) {
        const { chosen } = site;
        for (const option of next(site)) {
          const cost = option.bytes - chosen.bytes;
          if (option.error >= chosen.error || bytes + cost > budget) continue;
          const gain = (chosen.error - option.error) / cost;
          if (!best || gain > best.gain) best = { site, option, gain };
        }
      }
      if (!best) return;
      bytes += best.option.bytes - best.site.chosen.bytes;
      best.site.chosen = best.option;
    }
  };
  spend(({ hull, chosen }) => hull.slice(hull.indexOf(chosen) + 1).slice(0, 1));
  spend(({ options }) => options);
  return new Map(sites.map(({ site, chosen }) => [site, chosen.weight]));
}

/** A plan that gives each site its chosen weight quantizer, and its input what the first matching rule of `base` says. */
export function mixedPrecisionPlan(
  chosen: ReadonlyMap<Site, WeightQuantizer>,
  base: Plan,
  roleOf?: RoleOf,
): Plan {
  return [...chosen].map(([site, weight]): PlanRule => {
    const { match: _, ...rest } = base.find(({ match }) => matchesSite(match, site, roleOf)) ?? {
      match: site,
    };
    return { ...rest, match: site, weight };
  });
}

/** The options, from few bytes to many, that no mixture of others beats. */
function lowerHull(options: readonly SiteOption[]): SiteOption[] {
  const hull: SiteOption[] = [];
  for (const option of [...options].sort((a, b) => a.bytes - b.bytes || a.error - b.error)) {
    if (hull.length > 0 && option.error >= hull.at(-1)!.error) continue;
    while (hull.length > 1 && slope(hull.at(-2)!, hull.at(-1)!) >= slope(hull.at(-2)!, option)) hull.pop();
    hull.push(option);
  }
  return hull;
}

function slope(from: SiteOption, to: SiteOption): number {
  return (to.error - from.error) / (to.bytes - from.bytes);
}

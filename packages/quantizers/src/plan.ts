import { type AffineGrid, SdqError, type Site, unknownName, type WeightQuantizer } from '@sdq/core';
import { gridForRange } from './affine-grid.ts';
import { perChannel } from './weight-quantizers.ts';

/** What happens to the sites that a pattern matches. */
export interface PlanRule {
  /** A site pattern: `*` stands for one part between dots, `**` for any number of parts. */
  readonly match: string;
  /** How the weight is quantized; absent: it stays float. */
  readonly weight?: WeightQuantizer;
  /** The bits of the input's grid; absent: it stays float. */
  readonly activationBits?: number;
  /** How the input's grid is made; {@link ActivationScheme} `asymmetric` when absent. */
  readonly activationScheme?: ActivationScheme;
}

/**
 * How an activation is put on a grid: one calibrated grid for the tensor, with zero wherever the range puts it or in the
 * middle; or a symmetric grid for each token, made from the token itself.
 */
export type ActivationScheme = 'asymmetric' | 'symmetric' | 'per-token';

/** Whether a rule quantizes its input to a grid that calibration must find. */
export function isStatic(rule: PlanRule): boolean {
  return rule.activationBits !== undefined && rule.activationScheme !== 'per-token';
}

/** An ordered list of rules: the first that matches a site decides. */
export type Plan = readonly PlanRule[];

/** What a plan decided for one model: the rule of each quantized site. */
export type ResolvedPlan = ReadonlyMap<Site, PlanRule>;

/**
 * The sites that a plan can speak of: every matrix named `.weight`.
 *
 * @example
 * ```ts
 * import { sitesOf } from '@sdq/quantizers';
 *
 * sitesOf(new Map([['classifier.weight', { shape: [17, 384] }], ['classifier.bias', { shape: [17] }]])); // ['classifier']
 * ```
 */
export function sitesOf(parameters: ReadonlyMap<string, { readonly shape: readonly number[] }>): Site[] {
  return [...parameters]
    .filter(([name, { shape }]) => shape.length === 2 && name.endsWith('.weight'))
    .map(([name]) => name.slice(0, -'.weight'.length));
}

/**
 * Whether a site pattern matches a site.
 *
 * @example
 * ```ts
 * import { matchesSite } from '@sdq/quantizers';
 *
 * matchesSite('encoder.layer.*.attention.**', 'encoder.layer.3.attention.self.query'); // true
 * ```
 */
export function matchesSite(pattern: string, site: Site): boolean {
  return matchesParts(pattern.split('.'), site.split('.'));
}

function matchesParts(pattern: readonly string[], site: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return site.length === 0;
  if (first === '**') return site.some((_, i) => matchesParts(rest, site.slice(i))) || rest.length === 0;
  return site.length > 0 && (first === '*' || first === site[0]) && matchesParts(rest, site.slice(1));
}

/**
 * Gives each site the first rule that matches it.
 *
 * @throws SdqError `bad-plan` when a rule matches no site of the model
 *
 * @example
 * ```ts
 * import { createPlan, resolvePlan } from '@sdq/quantizers';
 *
 * resolvePlan(createPlan('w8a8'), ['embeddings.word_embeddings', 'classifier']).size; // 2
 * ```
 */
export function resolvePlan(plan: Plan, sites: readonly Site[]): ResolvedPlan {
  for (const rule of plan) {
    if (!sites.some((site) => matchesSite(rule.match, site))) {
      throw new SdqError(
        'bad-plan',
        `The plan's rule "${rule.match}" matches no site of this model, whose sites are like "${sites[0]}".`,
      );
    }
  }
  const resolved = new Map<Site, PlanRule>();
  for (const site of sites) {
    const rule = plan.find(({ match }) => matchesSite(match, site));
    if (rule && (rule.weight || rule.activationBits !== undefined)) resolved.set(site, rule);
  }
  return resolved;
}

/**
 * The grid of each site's input for its range, with the bits and the scheme that the plan gives the site.
 *
 * @throws SdqError as {@link gridForRange}
 *
 * @example
 * ```ts
 * import { createPlan, gridsForRanges, resolvePlan } from '@sdq/quantizers';
 *
 * const plan = resolvePlan(createPlan('w8a8'), ['embeddings.word_embeddings', 'classifier']);
 * gridsForRanges(new Map([['classifier', { min: 0, max: 2.55 }]]), plan).get('classifier')!.qMax; // 255
 * ```
 */
export function gridsForRanges(
  ranges: ReadonlyMap<Site, { readonly min: number; readonly max: number }>,
  plan: ResolvedPlan,
): Map<Site, AffineGrid> {
  return new Map(
    [...ranges].map(([site, range]) => {
      const { activationBits, activationScheme } = plan.get(site)!;
      return [site, gridForRange(range, activationBits, activationScheme === 'symmetric')];
    }),
  );
}

const presets = {
  w8a8: (): Plan => [
    // The lookup has no activation to quantize; its table is quantized per row.
    { match: 'embeddings.**', weight: perChannel(8) },
    { match: '**', weight: perChannel(8), activationBits: 8 },
  ],
} as const;

/**
 * A ready plan by its name. `w8a8`: weights 8 bits per output channel, embeddings 8 bits per row, the input of
 * every linear 8 bits per tensor.
 *
 * @throws SdqError `unknown-name` that lists the presets
 *
 * @example
 * ```ts
 * import { createPlan } from '@sdq/quantizers';
 *
 * createPlan('w8a8').length; // 2
 * ```
 */
export function createPlan(preset: string): Plan {
  if (!Object.hasOwn(presets, preset)) throw unknownName('plan', preset, Object.keys(presets));
  return presets[preset as keyof typeof presets]();
}

import {
  type AffineGrid,
  ROLES,
  type RoleOf,
  SdqError,
  type Site,
  unknownName,
  type WeightQuantizer,
} from '@sdq/core';
import { gridForRange } from '../affine-grid.ts';
import { perChannel, perGroup, weightQuantizerNamed } from '../weights/index.ts';

/** What happens to the sites that a pattern matches. */
export interface PlanRule {
  /**
   * A site pattern: `*` stands for one part between dots, `**` for any number of parts. Or `role:` and a role of
   * parameters, such as `role:query`: the sites of that role in all layers; `role:embedding` takes every table.
   */
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
export type ActivationScheme = (typeof ACTIVATION_SCHEMES)[number];

const ACTIVATION_SCHEMES = ['asymmetric', 'symmetric', 'per-token'] as const;

/** Whether a rule quantizes its input to a grid that calibration must find. */
export function isStatic(rule: PlanRule): boolean {
  return rule.activationBits !== undefined && rule.activationScheme !== 'per-token';
}

/** Whether a rule quantizes its input to a grid a token. */
export function isPerToken(rule: Pick<PlanRule, 'activationBits' | 'activationScheme'>): boolean {
  return rule.activationBits !== undefined && rule.activationScheme === 'per-token';
}

/** The bits of the inputs that get a grid a token, by site. */
export function perTokenBits(plan: ResolvedPlan): Map<Site, number> {
  const dynamic = [...plan].filter(([, rule]) => isPerToken(rule));
  return new Map(dynamic.map(([site, rule]) => [site, rule.activationBits!]));
}

const ROLE_PREFIX = 'role:';

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
 * Whether the pattern of a rule matches a site.
 *
 * @param roleOf - of the model's family; without it no `role:` matches
 *
 * @example
 * ```ts
 * import { matchesSite } from '@sdq/quantizers';
 *
 * matchesSite('encoder.layer.*.attention.**', 'encoder.layer.3.attention.self.query'); // true
 * ```
 */
export function matchesSite(pattern: string, site: Site, roleOf?: RoleOf): boolean {
  if (pattern.startsWith(ROLE_PREFIX)) {
    const wanted = pattern.slice(ROLE_PREFIX.length);
    const role = roleOf?.(site)?.role;
    return role === wanted || (role === 'word-embedding' && wanted === 'embedding');
  }
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
 * @param roleOf - of the model's family, which rules of a `role:` and the ready plans need
 * @throws SdqError `bad-plan` when a rule matches no site of the model
 *
 * @example
 * ```ts
 * import { createPlan, resolvePlan } from '@sdq/quantizers';
 *
 * const plan = createPlan([{ match: 'role:head', weight: 'int8-per-channel' }]);
 * const roleOf = (name: string) => (name === 'classifier' ? ({ role: 'head' } as const) : undefined);
 * resolvePlan(plan, ['table', 'classifier'], roleOf).size; // 1
 * ```
 */
export function resolvePlan(plan: Plan, sites: readonly Site[], roleOf?: RoleOf): ResolvedPlan {
  for (const rule of plan) {
    if (!sites.some((site) => matchesSite(rule.match, site, roleOf))) {
      throw new SdqError(
        'bad-plan',
        `The plan's rule "${rule.match}" matches no site of this model, whose sites are like "${sites[0]}".`,
      );
    }
  }
  const resolved = new Map<Site, PlanRule>();
  for (const site of sites) {
    const rule = plan.find(({ match }) => matchesSite(match, site, roleOf));
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
 * import { gridsForRanges, resolvePlan } from '@sdq/quantizers';
 *
 * const plan = resolvePlan([{ match: '**', activationBits: 8 }], ['classifier']);
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

/**
 * The word embeddings, then the small tables of positions and types at 8 bits, then all linears. A look-up has no
 * activation to quantize; tables are quantized per row.
 */
function preset(
  embeddings: WeightQuantizer,
  weight: WeightQuantizer,
  activation: Omit<PlanRule, 'match' | 'weight'> = {},
): Plan {
  return [
    { match: 'role:word-embedding', weight: embeddings },
    { match: 'role:embedding', weight: perChannel(8) },
    { match: '**', weight, ...activation },
  ];
}

const STATIC_8 = { activationBits: 8 } as const;
const PER_TOKEN_8 = { activationBits: 8, activationScheme: 'per-token' } as const;

const presets = {
  w8a8: () => preset(perChannel(8), perChannel(8), STATIC_8),
  'w8a8-dynamic': () => preset(perChannel(8), perChannel(8), PER_TOKEN_8),
  w4a8: () => preset(perChannel(4), perChannel(4), STATIC_8),
  'w4a8-group': () => preset(perGroup(4, 128), perGroup(4, 128), STATIC_8),
  w2a8: () => preset(perChannel(4), perChannel(2), STATIC_8),
  w1a8: () => preset(perChannel(4), perChannel(1), STATIC_8),
  'embeddings-int4': () => [{ match: 'role:word-embedding', weight: perGroup(4, 64) }],
} satisfies Record<string, () => Plan>;

/** The names of the ready plans. */
export const PLAN_NAMES: readonly string[] = Object.keys(presets);

/** A rule as plain data that JSON can hold. */
export interface PlanRuleData {
  readonly match: string;
  /** The name of a weight quantizer, such as `int4-per-channel` or `int4-per-group-64`. */
  readonly weight?: string | undefined;
  readonly activationBits?: number | undefined;
  readonly activationScheme?: ActivationScheme | undefined;
}

/**
 * A ready plan by its name, or the plan that rules say as plain data.
 *
 * `wXaY` has weights of X bits per output channel (2 ternary, 1 the sign) and the input of every linear at Y bits, per
 * tensor, or per token with `-dynamic`; `-group` has a scale for each 128 inputs. The word-embedding table has the bits
 * of the weights, but never fewer than 4, below which looked-up rows lose their meaning; positions and token types have 8.
 * `embeddings-int4` quantizes the word embeddings alone, with a scale for each 64 columns.
 *
 * @param more - weight quantizers by name, beside those that there are: those of plug-ins
 * @throws SdqError `unknown-name` that lists the presets; `bad-plan` for an invalid rule: gives its number
 *
 * @example
 * ```ts
 * import { createPlan } from '@sdq/quantizers';
 *
 * createPlan('w8a8').length; // 3
 * createPlan([{ match: '**', weight: 'int4-per-group-64', activationBits: 8 }])[0]!.weight!.bits; // 4
 * ```
 */
export function createPlan(
  plan: string | readonly PlanRuleData[],
  more: ReadonlyMap<string, WeightQuantizer> = new Map(),
): Plan {
  if (typeof plan !== 'string') return plan.map((data, index) => ruleFrom(data, index, more));
  if (!Object.hasOwn(presets, plan)) throw unknownName('plan', plan, PLAN_NAMES);
  return presets[plan as keyof typeof presets]();
}

/**
 * The rules of a plan as plain data, for {@link createPlan}.
 *
 * @example
 * ```ts
 * import { createPlan, planData } from '@sdq/quantizers';
 *
 * planData(createPlan('embeddings-int4')); // [{ match: 'role:word-embedding', weight: 'int4-per-group-64' }]
 * ```
 */
export function planData(plan: Plan): PlanRuleData[] {
  return plan.map(({ weight, ...rest }) => ({ ...rest, ...(weight && { weight: weight.name }) }));
}

const RULE_FIELDS = new Set(['match', 'weight', 'activationBits', 'activationScheme']);

/** Data may come from a file, so nothing of its type is believed. */
function ruleFrom(data: PlanRuleData, index: number, more: ReadonlyMap<string, WeightQuantizer>): PlanRule {
  const wrong = (what: string) => new SdqError('bad-plan', `Rule ${index + 1} of the plan ${what}.`);
  if (typeof data !== 'object' || data === null) throw wrong('is no object with a "match"');
  const { match, weight, activationBits, activationScheme } = data;
  const unknown = Object.keys(data).find((field) => !RULE_FIELDS.has(field));
  if (unknown !== undefined) throw wrong(`has "${unknown}": choose from ${[...RULE_FIELDS].join(', ')}`);
  if (typeof match !== 'string' || match === '') throw wrong('has no "match", a pattern of sites');
  if (match.startsWith(ROLE_PREFIX) && !ROLES.some((role) => match === ROLE_PREFIX + role)) {
    throw wrong(`has "${match}" as "match": choose one of the roles ${ROLES.join(', ')}`);
  }
  if (activationBits !== undefined && !(Number.isInteger(activationBits) && between(activationBits, 2, 8))) {
    throw wrong(`has ${activationBits} as "activationBits": choose an integer from 2 to 8`);
  }
  if (activationScheme !== undefined && !ACTIVATION_SCHEMES.includes(activationScheme)) {
    throw wrong(`has "${activationScheme}" as "activationScheme": choose ${ACTIVATION_SCHEMES.join(', ')}`);
  }
  const quantizer =
    typeof weight === 'string' ? (weightQuantizerNamed(weight) ?? more.get(weight)) : undefined;
  if (weight !== undefined && !quantizer) {
    throw wrong(
      `has "${weight}" as "weight": choose one such as ${['int8-per-channel', 'int4-per-group-64', ...more.keys()].join(', ')}`,
    );
  }
  return {
    match,
    ...(quantizer && { weight: quantizer }),
    ...(activationBits !== undefined && { activationBits }),
    ...(activationScheme !== undefined && { activationScheme }),
  };
}

function between(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

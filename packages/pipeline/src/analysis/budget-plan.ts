import type { Reporter, Site } from '@sdq/core';
import { disposeModel, familyOf } from '@sdq/models';
import {
  chooseBits,
  createPlan,
  measureOptions,
  mixedPrecisionPlan,
  type PlanRuleData,
  perChannel,
  planData,
  sitesOf,
} from '@sdq/quantizers';
import type * as tf from '@tensorflow/tfjs';
import { calibratedModel } from '../model/index.ts';
import { type FineTunedOptions, loadFineTuned } from './fine-tuned.ts';

/** What mixed precision may cost. */
export interface BudgetOptions extends FineTunedOptions {
  /** For all tensors of the finished model, in bytes. */
  readonly budget: number;
  /** The bits that a weight may get, each per output channel. */
  readonly bits: readonly number[];
  /** What inputs get: a plan's name or rules, whose weights are left out. */
  readonly plan: string | readonly PlanRuleData[];
  /** Batches of 1,024 tokens of English training text to measure on. */
  readonly batches: number;
}

/** One site of a mixed-precision plan. */
export interface BudgetSite {
  readonly site: Site;
  readonly shape: readonly number[];
  /** The name of the chosen weight quantizer. */
  readonly weight: string;
  readonly bytes: number;
  /** The squared error of the logits with this weight alone quantized, relative to their square. */
  readonly error: number;
  /** All that was measured. */
  readonly options: readonly { readonly weight: string; readonly bytes: number; readonly error: number }[];
}

/** A mixed-precision plan, and what it was chosen from: the content of a plan file. */
export interface BudgetPlan {
  readonly rules: readonly PlanRuleData[];
  readonly budget: number;
  /** What the plan takes: the weights, and the floats that stay. */
  readonly bytes: { readonly weights: number; readonly floats: number };
  readonly sites: readonly BudgetSite[];
}

/**
 * Chooses the bits of each weight of a fine-tuned model, so that the whole fits into a budget of bytes with the least
 * measured error.
 *
 * @throws SdqError as {@link loadFineTuned}; `bad-option` when even the fewest bits do not fit
 */
export async function planForBudget(options: BudgetOptions, reporter: Reporter): Promise<BudgetPlan> {
  const base = createPlan(options.plan);
  const candidates = [...new Set(options.bits)].map(perChannel);
  const { model, calibration } = await loadFineTuned(options);
  try {
    const batches = calibration(options.batches);
    reporter.start('measuring each weight', sitesOf(model.parameters).length, 'sites');
    const measured = await measureOptions(calibratedModel(model), batches, candidates, (done) =>
      reporter.progress(done, {}),
    ).finally(() => reporter.stop());
    const planned = new Set([...measured.keys()].map((site) => `${site}.weight`));
    const floats = [...model.parameters].reduce(
      (sum, [name, { size }]) => sum + (planned.has(name) ? 0 : 4 * size),
      0,
    );
    const chosen = chooseBits(measured, options.budget - floats);
    const sites = [...measured].map(([site, all]) => {
      const weight = chosen.get(site)!;
      const { bytes, error } = all.find((option) => option.weight === weight)!;
      const { shape } = model.parameters.get(`${site}.weight`) as tf.Tensor;
      const every = all.map((option) => ({ ...option, weight: option.weight.name }));
      return { site, shape, weight: weight.name, bytes, error, options: every };
    });
    return {
      rules: planData(mixedPrecisionPlan(chosen, base, familyOf(model.config.family).roleOf)),
      budget: options.budget,
      bytes: { weights: sites.reduce((sum, { bytes }) => sum + bytes, 0), floats },
      sites,
    };
  } finally {
    disposeModel(model);
  }
}

/** A mixed-precision plan as rows of text: a row a site. */
export function budgetTable({ sites }: BudgetPlan): string[][] {
  const names = sites[0]?.options.map(({ weight }) => weight) ?? [];
  return [
    ['site', 'shape', 'weight', 'bytes', ...names.map((name) => `error ${name}`)],
    ...sites.map(({ site, shape, weight, bytes, options }) => [
      site,
      shape.join(' x '),
      weight,
      String(bytes),
      ...options.map(({ error }) => error.toExponential(1)),
    ]),
  ];
}

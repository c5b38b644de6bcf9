import { SdqError } from '@sdq/core';
import { encoderShapes, familyOf, headShapes, readConfig, writeFileAtomically } from '@sdq/models';
import { type BudgetPlan, budgetTable, loadPlugins, planForBudget } from '@sdq/pipeline';
import {
  createPlan,
  isStatic,
  type PlanRule,
  type PlanRuleData,
  resolvePlan,
  sitesOf,
} from '@sdq/quantizers';
import { selectBackend } from '../backends/index.ts';
import type { CommonFlags } from '../flags/index.ts';
import { planFlag } from '../flags/index.ts';
import { TerminalReporter, textTable } from '../terminal/index.ts';

/** The flags of `sdq plan`. */
export interface PlanFlags extends CommonFlags {
  readonly plan: string;
  readonly plugin?: string[];
  readonly budget?: number;
  readonly bits?: number[];
  readonly batches?: number;
  readonly task?: string;
  readonly xglue?: string;
  readonly maxLength?: number;
  readonly out?: string;
}

/** The flags that a budget alone reads. */
const FOR_BUDGETS = ['bits', 'batches', 'task', 'xglue', 'maxLength', 'out'] as const;

/** `sdq plan`: what every site of a model gets, and from which rule; or with a budget, what each should get. */
export async function planAction(folder: string, flags: PlanFlags): Promise<void> {
  const { quantizers } = await loadPlugins(flags.plugin ?? []);
  const plan = planFlag(flags.plan, quantizers);
  if (flags.budget !== undefined) return budgetAction(folder, plan, { ...flags, budget: flags.budget });
  const unused = FOR_BUDGETS.filter((flag) => flags[flag] !== undefined);
  if (unused.length > 0) {
    const names = unused.map((flag) => (flag === 'maxLength' ? '--max-length' : `--${flag}`));
    throw new SdqError('bad-option', `${names.join(', ')} without --budget: give one, as --budget 20MB.`);
  }
  const { config, head } = await readConfig(folder);
  const shapes = new Map(
    [...encoderShapes(config), ...(head ? headShapes(config, head) : [])].map(([name, shape]) => [
      name,
      { shape },
    ]),
  );
  const sites = sitesOf(shapes);
  const resolved = resolvePlan(createPlan(plan, quantizers), sites, familyOf(config.family).roleOf);
  const rows = sites.map((site) => {
    const rule = resolved.get(site);
    const { shape } = shapes.get(`${site}.weight`)!;
    return [site, shape.join(' x '), rule?.weight?.name ?? 'float32', inputOf(rule), rule?.match ?? ''];
  });
  process.stdout.write(`${textTable([['site', 'shape', 'weight', 'input', 'rule'], ...rows])}\n`);
}

async function budgetAction(
  model: string,
  plan: string | PlanRuleData[],
  flags: PlanFlags & { budget: number },
): Promise<void> {
  const { task, xglue: data, budget, bits = [8, 4, 3, 2], batches = 1, maxLength, out } = flags;
  if (task === undefined || data === undefined) {
    throw new SdqError('bad-option', 'A budget is spent by what texts show: give --task and --xglue too.');
  }
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  await selectBackend(flags.backend, reporter);
  const found = await planForBudget({ model, task, data, budget, bits, plan, batches, maxLength }, reporter);
  if (out !== undefined) await writeFileAtomically(out, `${JSON.stringify(found, null, 2)}\n`);
  process.stdout.write(flags.json ? `${JSON.stringify(found)}\n` : `${summary(found, model, out)}\n`);
}

function summary(found: BudgetPlan, model: string, out: string | undefined): string {
  const { weights, floats } = found.bytes;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  return [
    textTable(budgetTable(found)),
    '',
    `${megabytes(weights + floats)} of ${megabytes(found.budget)}: weights ${megabytes(weights)}, floats ${megabytes(floats)}.`,
    out === undefined
      ? 'Give --out plan.json to keep it.'
      : `Next: sdq run --model ${model} --plan ${out} ...`,
  ].join('\n');
}

function inputOf(rule: PlanRule | undefined): string {
  if (rule?.activationBits === undefined) return 'float32';
  return isStatic(rule) ? `uint${rule.activationBits} per tensor` : `int${rule.activationBits} per token`;
}

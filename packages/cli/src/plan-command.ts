import { encoderShapes, headShapes, readConfig } from '@sdq/models';
import { createPlan, resolvePlan } from '@sdq/quantizers';
import { textTable } from './text-table.ts';

/** `sdq plan`: what every site of a model gets, and from which rule. */
export async function planCommand(folder: string, flags: { plan: string }): Promise<void> {
  const { config, head } = await readConfig(folder);
  const shapes = new Map([...encoderShapes(config), ...(head ? headShapes(config, head) : [])]);
  const matrices = [...shapes].filter(([name, shape]) => shape.length === 2 && name.endsWith('.weight'));
  const sites = matrices.map(([name]) => name.slice(0, -'.weight'.length));
  const plan = resolvePlan(createPlan(flags.plan), sites);
  const rows = matrices.map(([, shape], i) => {
    const rule = plan.get(sites[i]!);
    return [
      sites[i]!,
      shape.join(' x '),
      rule?.weight?.name ?? 'float32',
      rule?.activationBits === undefined ? 'float32' : `uint${rule.activationBits} per tensor`,
      rule?.match ?? '',
    ];
  });
  process.stdout.write(`${textTable([['site', 'shape', 'weight', 'input', 'rule'], ...rows])}\n`);
}

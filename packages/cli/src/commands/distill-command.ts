import type { Command } from 'commander';
import { modelFlags, runFlags } from '../flags/index.ts';

/** Adds `sdq distill`. */
export function distillCommand(sdq: Command): void {
  runFlags(modelFlags(sdq.command('distill')))
    .description('self-distil from a fine-tuned teacher, as a JSON file of options says')
    .argument('<config>', 'the file; flags go before it')
    .addHelpText('after', '\nExample:\n  sdq distill distill.json --out runs/pos-w4')
    .action(async (config, flags) => {
      await (await import('./run-action.ts')).distillAction(config, flags);
    });
}

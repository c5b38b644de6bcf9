import type { Command } from 'commander';
import { modelFlags, runFlags } from '../flags/index.ts';

/** Adds `sdq run`. */
export function runCommand(sdq: Command): void {
  runFlags(modelFlags(sdq.command('run')))
    .description(
      'fine-tune on English, quantize (PTQ, QAT, SDQ), score every language, save the quantized student',
    )
    .option('--config <file>', 'a JSON file of options; flags go before it')
    .addHelpText(
      'after',
      '\n--task, --xglue and --out are needed, here or in the file.\nExample:\n  sdq run --task POS --xglue data/xglue --out runs/pos',
    )
    .action(async (flags) => {
      await (await import('./run-action.ts')).runAction(flags);
    });
}

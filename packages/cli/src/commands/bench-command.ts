import type { Command } from 'commander';
import { modelFlags, numberFlag } from '../flags/index.ts';

/** Adds `sdq bench`. */
export function benchCommand(sdq: Command): void {
  modelFlags(sdq.command('bench'))
    .description('measure how fast this machine runs and trains an encoder, and where the time goes')
    .option(
      '--hidden <width>',
      'a multiple of 12; 384 as multilingual-e5-small, 768 as XLM-R base',
      numberFlag,
      384,
    )
    .option('--sequences <count>', 'sequences of the batch', numberFlag, 16)
    .option('--length <tokens>', 'tokens of each sequence', numberFlag, 128)
    .option(
      '--profile',
      'list the kernels of each run with their share of the time and of what the machine can do',
    )
    .action(async (flags) => (await import('./bench-action.ts')).benchAction(flags));
}

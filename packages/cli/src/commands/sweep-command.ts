import type { Command } from 'commander';
import { modelFlags } from '../flags/index.ts';

/** Adds `sdq sweep`. */
export function sweepCommand(sdq: Command): void {
  modelFlags(sdq.command('sweep'))
    .description(
      'the runs of experiment files, one after another or by workers, and a table over their seeds; what is finished is not run again',
    )
    .argument(
      '<files...>',
      'experiments (JSON, JavaScript or TypeScript): a name, the options of every run, a grid of options',
    )
    .requiredOption('--out <folder>', 'each experiment gets a folder there, and each of its runs one below')
    .option('--dry-run', 'print the folders of the runs, and run nothing')
    .option('--queue <address>', 'let the workers of a Redis server do the runs, as redis://HOST:6379')
    .addHelpText(
      'after',
      '\nExamples:\n  sdq sweep experiments/methods.ts --out runs\n  sdq sweep experiments/methods.ts --out runs --queue redis://10.0.0.5:6379',
    )
    .action(async (files, flags) => (await import('./sweep-action.ts')).sweepAction(files, flags));
}

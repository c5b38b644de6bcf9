import type { Command } from 'commander';
import { collectFlag, listFlag } from '../flags/index.ts';

/** Adds `sdq score`. */
export function scoreCommand(sdq: Command): void {
  sdq
    .command('score')
    .description("the official scores of prediction files in XGLUE's format")
    .option(
      '--task <name>',
      'a task; may be given several times (default: all that have predictions)',
      collectFlag,
    )
    .requiredOption('--gold <folder>', 'the data folder that holds NC/, POS/, ...')
    .requiredOption('--predictions <folder>', 'the folder that holds POS/en.prediction, ...')
    .option('--split <name>', 'train, dev or test', 'dev')
    .option('--languages <codes>', 'as en,de,... (default: all that have both)', listFlag)
    .option('--json', 'print JSON')
    .action(async (flags) => (await import('./score-action.ts')).scoreAction(flags));
}

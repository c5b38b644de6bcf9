import type { Command } from 'commander';

/** Adds `sdq data`. */
export function dataCommand(sdq: Command): void {
  sdq
    .command('data')
    .description('look at data folders')
    .command('check')
    .description('count examples and labels; name duplicates, bad lines and what is missing')
    .argument('<folder>', 'the data folder that holds NC/, POS/, ...')
    .option('--json', 'print JSON')
    .action(async (folder, flags) => (await import('./data-action.ts')).dataCheckAction(folder, flags));
}

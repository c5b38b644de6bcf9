import type { Command } from 'commander';

/** Adds `sdq compare`. */
export function compareCommand(sdq: Command): void {
  sdq
    .command('compare')
    .description('finished runs of one task side by side: scores, what each keeps of fp32, sizes')
    .argument('<runs...>', 'the folders of the runs')
    .option('--json', 'print their results as JSON on standard output')
    .addHelpText('after', '\nExample:\n  sdq compare runs/pos-w8a8 runs/pos-w4a8')
    .action(async (runs, flags) => (await import('./compare-action.ts')).compareAction(runs, flags));
}

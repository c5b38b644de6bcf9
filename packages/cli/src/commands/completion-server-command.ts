import type { Command } from 'commander';

/** Adds `sdq completion-server`. */
export function completionServerCommand(sdq: Command): void {
  sdq
    .command('completion-server', { hidden: true })
    .argument('[words...]')
    .action(async () => (await import('./completion-action.ts')).completionServerAction(sdq));
}

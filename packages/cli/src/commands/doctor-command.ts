import type { Command } from 'commander';

/** Adds `sdq doctor`. */
export function doctorCommand(sdq: Command): void {
  sdq
    .command('doctor')
    .description('print what this machine has, and what to do about what it lacks')
    .option('--json', 'print JSON')
    .action(async (flags) => (await import('./doctor-action.ts')).doctorAction(flags));
}

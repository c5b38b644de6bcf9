import type { Command } from 'commander';
import { backendFlag, numberFlag } from '../flags/index.ts';

/** Adds `sdq worker`. */
export function workerCommand(sdq: Command): void {
  sdq
    .command('worker')
    .description('take the runs of sweeps from a queue, until it is stopped; what is under way is given back')
    .requiredOption(
      '--queue <address>',
      'the Redis server that sweeps put their runs on, as redis://HOST:6379',
    )
    .option('--concurrency <number>', 'runs at a time', numberFlag, 1)
    .option(
      '--take-over-after <seconds>',
      "let another worker go on with this one's runs once it has been silent for so long",
      numberFlag,
      30,
    )
    .option(
      '--checkpoint-steps <number>',
      'runs save what is needed to go on after each so many steps (default: about once a minute)',
      numberFlag,
    )
    .addOption(backendFlag())
    .option('--quiet', 'show no progress')
    .addHelpText('after', '\nExample:\n  sdq worker --queue redis://10.0.0.5:6379')
    .action(async (flags) => (await import('./worker-action.ts')).workerAction(flags));
}

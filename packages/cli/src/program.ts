import { Command, type CommanderError } from 'commander';
import { COMMANDS } from './commands/index.ts';
import { VERSION } from './terminal/index.ts';

/** The `sdq` command; each subcommand loads its code only when it runs, so that help comes at once. */
export function program(): Command {
  const sdq = new Command('sdq')
    .description('Shrinks multilingual language models without losing their languages.')
    .version(VERSION)
    .showHelpAfterError('(sdq COMMAND --help tells more)')
    .exitOverride((error: CommanderError) => {
      // Exit code 2 is a user's mistake; help and version are none.
      process.exit(error.exitCode === 0 ? 0 : 2);
    });
  for (const add of COMMANDS) add(sdq);
  return sdq;
}

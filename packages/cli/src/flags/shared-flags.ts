import { type Command, Option } from 'commander';
import { BACKENDS } from '../backends/index.ts';
import { collectFlag } from './flags.ts';

/** The flags that every command with a model has. */
export interface CommonFlags {
  readonly backend?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Adds them to a command. */
export function modelFlags(command: Command): Command {
  return command
    .addOption(backendFlag())
    .option('--quiet', 'show no progress')
    .option('--json', 'print JSON on standard output');
}

/** The flag that chooses the tensor backend. */
export function backendFlag(): Option {
  return new Option('--backend <name>', 'the tensor backend (default: the fastest there is)').choices(
    BACKENDS,
  );
}

/** What `--plan` takes. */
export const PLAN_HELP = 'what each weight and input gets: w8a8, w4a8, ..., or a JSON file of rules';

/** The flag that names plug-ins. */
export const PLUGIN_FLAG = [
  '--plugin <module>',
  'a folder, file or installed package that brings quantizers or losses; may be given several times. Its code is run',
  collectFlag,
] as const;

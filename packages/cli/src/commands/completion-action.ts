import { getCompletionScript, getShellFromEnv, log, logFiles, parseEnv } from '@pnpm/tabtab';
import type { Command } from 'commander';
import { completionsFor, type SHELLS } from '../terminal/index.ts';

/** `sdq completion`: the script that makes a shell complete the words of `sdq`. */
export async function completionAction(shell: (typeof SHELLS)[number]): Promise<void> {
  process.stdout.write(await getCompletionScript({ name: 'sdq', completer: 'sdq', shell }));
}

/** What the script asks while a line is typed, which it gives in the environment. */
export function completionServerAction(program: Command): void {
  const [, ...words] = parseEnv(process.env).partial.split(/\s+/);
  const found = completionsFor(program, words);
  if (found === 'files') logFiles();
  else log(found, getShellFromEnv(process.env));
}

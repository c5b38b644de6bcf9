import { tasks } from '@sdq/xglue';
import type { Command, Option } from 'commander';

/** The shells that a completion script can be written for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** A word that a shell may offer, and what it means. */
export interface Completion {
  readonly name: string;
  readonly description?: string;
}

/**
 * What may stand in place of the last of the words that follow `sdq`, or `files` where the shell knows best.
 *
 * @param words - as typed; the last one is unfinished, or empty
 */
export function completionsFor(program: Command, words: readonly string[]): Completion[] | 'files' {
  const before = words.slice(0, -1);
  const [last, previous] = [words.at(-1) ?? '', before.at(-1)];
  const command = commandOf(program, before);
  const options = command.createHelp().visibleOptions(command);
  const open = options.find(
    (option) => option.long === previous && (option.required || option.optional) && !last.startsWith('-'),
  );
  if (open) return values(open);
  if (last.startsWith('-')) {
    return options.map(({ long, short, description }) => ({ name: long ?? short!, description }));
  }
  if (command.commands.length > 0) {
    const visible = command.createHelp().visibleCommands(command);
    return visible.map((each) => ({ name: each.name(), description: each.description() }));
  }
  return command.registeredArguments[0]?.argChoices?.map((name) => ({ name })) ?? 'files';
}

function commandOf(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    command = command.commands.find((each) => each.name() === word) ?? command;
  }
  return command;
}

function values(option: Option): Completion[] | 'files' {
  if (option.long === '--task') return tasks.map(({ name }) => ({ name }));
  return option.argChoices?.map((name) => ({ name })) ?? 'files';
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'shell-quote';
import { findPages } from './examples.ts';

/** A command that a page shows in a block of `sh`. */
export interface DocCommand {
  readonly page: string;
  /** As written, on one line. */
  readonly line: string;
  readonly words: readonly string[];
  /** What the command before it in a pipe prints, if that is `echo`. */
  readonly input: string;
  /** Where a `cd` before it in its block leads, from the root. */
  readonly folder: string;
}

/** The commands on all pages, in their order. */
export function findCommands(root: string): DocCommand[] {
  return findPages(root).flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, body]) => body!);
    return blocks.flatMap((body) => {
      let folder = '';
      const lines = body
        .replaceAll(/\\\n\s*/g, '')
        .trim()
        .split('\n');
      return lines
        .flatMap((line) => commandsOf(page, line))
        .map((command) => {
          if (command.words[0] === 'cd') folder = command.words[1]!;
          return { ...command, folder };
        });
    });
  });
}

function commandsOf(page: string, line: string): DocCommand[] {
  const found: DocCommand[] = [];
  let words: string[] = [];
  let input = '';
  let redirected = false;
  const close = (operator: string) => {
    // What stands before a command sets its environment.
    while (/^[A-Z_]+=/.test(words[0] ?? '')) words.shift();
    if (words.length > 0) found.push({ page, line: line.trim(), words, input, folder: '' });
    input = operator === '|' && words[0] === 'echo' ? `${words.slice(1).join(' ')}\n` : '';
    words = [];
  };
  for (const entry of parse(line, (name) => `$${name}`)) {
    if (typeof entry === 'string') {
      if (!redirected) words.push(entry);
      redirected = false;
    } else if ('comment' in entry) {
      break;
    } else if (entry.op === 'glob') {
      words.push(entry.pattern);
    } else if (/[<>]/.test(entry.op)) {
      redirected = true;
    } else {
      close(entry.op);
    }
  }
  close('');
  return found;
}

/** What follows `sdq` in a command that runs it, in whichever way. */
export function sdqArguments({ words }: Pick<DocCommand, 'words'>): readonly string[] | undefined {
  if (words[0] === 'sdq') return words.slice(1);
  if (words[0] === 'npx' && words[1] === '@sdq/cli') return words.slice(2);
  if (words[0] === 'npm' && words.includes('sdq') && words.includes('--')) {
    return words.slice(words.indexOf('--') + 1);
  }
  return undefined;
}

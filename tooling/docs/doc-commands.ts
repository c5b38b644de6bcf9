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
  /** The file that its output goes to, if to one. */
  readonly output: string | undefined;
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

/** The words of the commands of sdq that stand in the text of a page, some with a stand-in for an argument. */
export function findCommandsInText(root: string): (readonly string[])[] {
  return findPages(root).flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
    return [...text.matchAll(/`([^`]+)`/g)]
      .flatMap(([, code]) => commandsOf(page, code!).slice(0, 1))
      .filter((command) => (sdqArguments(command) ?? []).length > 0)
      .map(({ words }) => words);
  });
}

function commandsOf(page: string, line: string): DocCommand[] {
  const found: DocCommand[] = [];
  let words: string[] = [];
  let input = '';
  let output: string | undefined;
  let redirected = false;
  const close = (operator: string) => {
    // What stands before a command sets its environment.
    while (/^[A-Z_]+=/.test(words[0] ?? '')) words.shift();
    if (words.length > 0) found.push({ page, line: line.trim(), words, input, folder: '', output });
    input = operator === '|' && words[0] === 'echo' ? `${words.slice(1).join(' ')}\n` : '';
    words = [];
    output = undefined;
  };
  for (const entry of parse(line, (name) => `$${name}`)) {
    if (typeof entry === 'string') {
      if (redirected) output = entry;
      else words.push(entry);
      redirected = false;
    } else if ('comment' in entry) {
      break;
    } else if (entry.op === 'glob') {
      words.push(entry.pattern);
    } else if (/>/.test(entry.op)) {
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

/** What commands make without --out: quickstart by default, distill as its file on the page says. */
const UNSAID: Readonly<Record<string, string>> = { quickstart: 'runs/quickstart', distill: 'runs/pos-w4' };

/** Which word of a script's command names the folder that it makes. */
const MADE: Readonly<Record<string, number>> = { 'tooling/data/label-words.mjs': 6 };

/** The file or folder that a command makes. */
export function outputOf(command: DocCommand): string | undefined {
  const args = sdqArguments(command);
  const made = MADE[command.words[1] ?? ''];
  if (made !== undefined) return command.words[made];
  if (args && UNSAID[args[0]!]) return UNSAID[args[0]!];
  return args ? args[args.indexOf('--out') + 1 || args.length] : command.output;
}

/** The commands in their order, save that each comes after one that makes what it reads. */
export function inOrder(commands: readonly DocCommand[]): DocCommand[] {
  const made = [...new Set(commands.flatMap((command) => outputOf(command) ?? []))];
  // Of runs/pos and runs, runs/pos/student is of the first.
  const maker = (path: string) =>
    made.filter((one) => path === one || path.startsWith(`${one}/`)).sort((a, b) => b.length - a.length)[0];
  const needs = (command: DocCommand) =>
    command.words.filter((word) => word !== outputOf(command)).flatMap((word) => maker(word) ?? []);
  const [waiting, ordered, done] = [[...commands], [] as DocCommand[], new Set<string>()];
  while (waiting.length > 0) {
    const ready = waiting.findIndex((command) => needs(command).every((path) => done.has(path)));
    if (ready < 0) throw new Error(`Nothing makes what this reads: ${waiting[0]!.line}`);
    const [next] = waiting.splice(ready, 1) as [DocCommand];
    ordered.push(next);
    const output = outputOf(next);
    if (output !== undefined) done.add(output);
  }
  return ordered;
}

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sections } from '../docs/.vitepress/sections.ts';
import { program } from '../packages/cli/src/program.ts';
import { findCommands, sdqArguments } from './doc-commands.ts';
import { layerTable, picture } from './error-picture.mjs';
import { findPages } from './examples.ts';

type Command = ReturnType<typeof program>;

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = findPages(root);
const commands = findCommands(root);
const lines = [...new Set(commands.flatMap((command) => sdqArguments(command)?.join(' ') ?? []))];

describe('pages', () => {
  it('stand in the sidebar, each in one place', () => {
    const listed = sections.flatMap(({ pages }) => pages.map(([page]) => `docs/${page || 'index'}.md`));
    const site = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/packages.md');
    expect([...listed].sort()).toEqual(site.sort());
  });

  it('link to files that are there', () => {
    const broken = pages.flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
      return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, href]) => href!.replace(/#.*$/, ''))
        .filter((href) => href !== '' && !/^[a-z]+:/.test(href))
        .filter((href) => !existsSync(join(root, dirname(page), href)))
        .map((href) => `${page}: ${href}`);
    });
    expect(broken).toEqual([]);
  });

  it('draw the error through the layers from the numbers that they hold', () => {
    const table = layerTable(readFileSync(join(root, 'docs/analysis.md'), 'utf8'));
    expect(table.rows).toHaveLength(12);
    expect(readFileSync(join(root, 'docs/error-through-the-layers.svg'), 'utf8')).toBe(picture(table));
  });
});

describe('commands', () => {
  it('are found', () => {
    expect(lines.length).toBeGreaterThan(40);
    expect(lines).toContain(
      'trim runs/pos/student --languages en,de,fr --corpus text/{lg}.txt --out pos-en-de-fr',
    );
  });

  it.each(lines)('sdq %s: is one that the program knows', (line) => {
    expect(parsed(argumentsOf(line))).toBe(true);
  });

  it('that the program does not know are found', () => {
    expect(() => parsed(['run', '--no-such-option'])).toThrow(/unknown option/);
    expect(() => parsed(['no-such-command'])).toThrow(/unknown command/);
  });

  it('of other programs are those of this repository, or install packages that it has', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const others = commands.filter((command) => !sdqArguments(command));
    const known = ({ words: [name, ...rest], folder }: (typeof others)[number]) => {
      const operands = rest.filter((word) => !word.startsWith('-'));
      if (['echo', 'redis-server', 'apt-get'].includes(name!)) return true;
      if (name === 'cd') return existsSync(join(root, folder));
      if (name === 'node') return existsSync(join(root, folder, operands[0]!));
      if (name === 'npx') return operands[0] === 'vitest' && existsSync(join(root, operands[2]!));
      if (name !== 'npm') return false;
      if (operands[0] === 'test') return true;
      if (operands[0] === 'run') return operands[1]! in scripts;
      const installed = operands.slice(1).filter((word) => word.startsWith('@sdq/'));
      return (
        operands[0] === 'install' &&
        installed.every((word) => existsSync(join(root, 'packages', word.slice(5))))
      );
    };
    expect(others.filter((command) => !known(command)).map(({ line }) => line)).toEqual([]);
  });
});

/** The words of a command: no page has one with a space in a word. */
function argumentsOf(line: string): string[] {
  return line.split(' ').filter((word) => word !== '');
}

/** Whether commander takes the arguments; it throws where it does not. */
function parsed(args: readonly string[]): boolean {
  let reached = false;
  const sdq = program();
  for (const command of allCommands(sdq)) {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
    if (command.commands.length === 0) {
      command.action(() => {
        reached = true;
      });
    }
  }
  sdq.parse([...args], { from: 'user' });
  return reached;
}

function allCommands(command: Command): Command[] {
  return [command, ...(command.commands as Command[]).flatMap(allCommands)];
}

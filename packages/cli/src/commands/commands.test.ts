import { readdirSync } from 'node:fs';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { COMMANDS } from './index.ts';

it('has a file for each command, of its name', () => {
  const names = COMMANDS.flatMap((add) => {
    const sdq = new Command();
    add(sdq);
    return sdq.commands.map((command) => command.name());
  });
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('-command.ts'));
  expect(names.map((name) => `${name}-command.ts`).sort()).toEqual(files.sort());
});

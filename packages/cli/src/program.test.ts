import { METHODS } from '@sdq/core/results';
import { expect, it } from 'vitest';
import { program } from './program.ts';

it.each(['run', 'distill'])('%s lists every method there is', (name) => {
  const help = program()
    .commands.find((command) => command.name() === name)!
    .options.find(({ long }) => long === '--methods')!.description;
  expect(help).toContain(`which of ${METHODS.map(({ key }) => key).join(', ')} (`);
});

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { architecturePicture, directImports, levels } from './architecture-picture.mjs';
import { packageImports } from './packages.mjs';

const imports = new Map([
  ['cli', ['core', 'models']],
  ['core', []],
  ['models', ['core']],
  ['xglue', ['core']],
]);

it('puts each package above those that it imports', () => {
  expect(Object.fromEntries(levels(imports))).toEqual({ core: 0, models: 1, xglue: 1, cli: 2 });
});

it('leaves out what a chain of imports implies', () => {
  expect(directImports(imports)).toEqual([
    ['cli', 'models'],
    ['models', 'core'],
    ['xglue', 'core'],
  ]);
});

it('finds the imports of the packages in the code', async () => {
  const found = await packageImports();
  expect(found.get('core')).toEqual([]);
  expect(found.get('kernels')).toEqual(['core']);
  expect(found.get('pipeline')).toEqual(expect.arrayContaining(['core', 'kernels', 'models']));
  const drawn = readFileSync(new URL('../../docs/architecture.svg', import.meta.url), 'utf8');
  expect(drawn, 'npm run docs:architecture draws it anew').toBe(architecturePicture(found));
});

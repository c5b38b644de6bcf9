import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser';
import { expect, it } from 'vitest';
import config from '../../.dependency-cruiser.mjs';

/** The rules that small packages break, by the file that breaks them. */
async function violations(files: Record<string, string>): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'sdq-imports-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, 'packages', file)), { recursive: true });
      writeFileSync(join(root, 'packages', file), text);
    }
    const { forbidden, options } = config;
    const { output } = await cruise(['packages'], {
      ...{ baseDir: root, validate: true, ruleSet: { forbidden } as IFlattenedRuleSet },
      tsPreCompilationDeps: options.tsPreCompilationDeps,
    });
    const found = (output as ICruiseResult).summary.violations;
    return found.map(({ from, rule }) => `${from.replace('packages/', '')}: ${rule.name}`).sort();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const models = 'models/src/index.ts';
const importOf = (file: string, name = 'x') =>
  `import { ${name} } from '${file}';\nexport const y = ${name};\n`;

it('lets imports go downwards alone, save those of tests', async () => {
  const upwards = importOf('../../models/src/index.ts');
  expect(
    await violations({
      [models]: `export { y as x } from '../../core/src/index.ts';\n`,
      'core/src/index.ts': 'export const y = 1;\n',
      'core/src/upwards.ts': upwards,
      'core/src/type.ts': upwards.replace('import {', 'import type {').replace('const y = x', 'type y = x'),
      'core/src/upwards.test.ts': upwards,
      'core/test/upwards.ts': upwards,
      'unknown/src/index.ts': importOf('./other.ts'),
      'unknown/src/other.ts': 'export const x = 1;\n',
    }),
  ).toEqual([
    'core/src/type.ts: imports-of-core',
    'core/src/upwards.ts: imports-of-core',
    'unknown/src/index.ts: a-place-for-each-package',
  ]);
});

it('lets a package and a folder be imported by their index alone', async () => {
  expect(
    await violations({
      [models]: importOf('./files/inner.ts'),
      'models/src/files/index.ts': `export { x } from './inner.ts';\n`,
      'models/src/files/inner.ts': 'export const x = 1;\n',
      'models/src/files/inner.test.ts': importOf('../heads/inner.ts', 'y'),
      'models/src/heads/index.ts': importOf('../files/index.ts'),
      'models/src/heads/inner.ts': importOf('../files/inner.ts'),
      'cli/src/direct.ts': importOf('../../models/src/files/inner.ts'),
      'cli/src/by-index.ts': importOf('../../models/src/files/index.ts'),
    }),
  ).toEqual([
    'cli/src/direct.ts: packages-by-their-index',
    'models/src/heads/inner.ts: folders-by-their-index',
    'models/src/index.ts: folders-by-their-index-from-src',
  ]);
});

it('finds files that import one another in a circle', async () => {
  const found = await violations({
    'core/src/a.ts': `import { b } from './b.ts';\nexport const a = () => b;\n`,
    'core/src/b.ts': `import { a } from './a.ts';\nexport const b = () => a;\n`,
  });
  expect(new Set(found.map((line) => line.split(': ')[1]))).toEqual(new Set(['no-cycles']));
});

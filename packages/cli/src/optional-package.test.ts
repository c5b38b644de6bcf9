import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { optionalPackage } from './optional-package.ts';

/** Node's own error for an import that does not resolve. */
function importing(name: string): Promise<unknown> {
  const file = join(mkdtempSync(join(tmpdir(), 'sdq-optional-')), 'importer.mjs');
  writeFileSync(file, `import '${name}';\n`);
  return import(/* @vite-ignore */ file);
}

it('gives what an installed package exports', async () => {
  await expect(optionalPackage('node:path', 'This test', () => import('node:path'))).resolves.toHaveProperty(
    'join',
  );
});

it('says how to install a package that is not there', async () => {
  const loaded = optionalPackage('@sdq/nowhere', '"sdq worker"', () => importing('@sdq/nowhere'));
  await expect(loaded).rejects.toMatchObject({
    code: 'unavailable',
    message:
      '"sdq worker" needs the package @sdq/nowhere: "npm install @sdq/nowhere" where @sdq/cli is installed (with --global if that is).',
  });
});

it('leaves alone what goes wrong inside an installed package', async () => {
  const loaded = optionalPackage('@sdq/nowhere', '"sdq worker"', () => importing('@sdq/below-nowhere'));
  await expect(loaded).rejects.toThrow('@sdq/below-nowhere');
  await expect(loaded).rejects.not.toHaveProperty('code', 'unavailable');
});

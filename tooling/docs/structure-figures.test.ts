import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { structureFigures } from './structure-figures.mjs';

it('counts files, lines and circles of sources alone', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sdq-figures-'));
  const files = {
    'packages/a/src/index.ts': "export { one } from './deep/one.ts';\n",
    'packages/a/src/index.test.ts': '\n'.repeat(99),
    'packages/a/src/deep/one.ts':
      "import type { Two } from './two.ts';\nexport const one = (two: Two) => two;\n",
    'packages/a/src/deep/two.ts':
      "import { one } from './one.ts';\nexport type Two = string;\n\nexport const two = one;\n",
    'packages/b/src/index.ts': 'export const b = 1;\n',
    'tooling/run.mjs': '',
    'experiments/x.ts': '',
  };
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    expect(Object.fromEntries(await structureFigures(root))).toEqual({
      packages: '2',
      'source files': '4',
      'folders with sources': '3',
      'files of the largest folder': '2 (packages/a/src/deep)',
      'files a folder, on average': '1.3',
      'lines of the longest file': '4 (two.ts)',
      'files in circles of imports': '2',
      'files of the largest folder of tooling': '1 (tooling)',
      'experiment files': '1',
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { sha256OfFile } from './file-hash.ts';

const folder = temporaryFolder();

// The example of FIPS 180-2, appendix B.1.
it('hashes the bytes of a file', async () => {
  const path = join(folder.path, 'abc');
  await writeFile(path, 'abc');
  expect(await sha256OfFile(path)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

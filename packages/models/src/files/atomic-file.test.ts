import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { namesIn, outputOf, runChild } from '../../test/run-child.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { writeAtomically, writeFileAtomically } from './atomic-file.ts';

describe('writeFileAtomically', () => {
  const folder = temporaryFolder();
  const target = () => join(folder.path, 'state.json');

  it('replaces the content and leaves no other file', async () => {
    await writeFileAtomically(target(), 'old');
    await writeFileAtomically(target(), 'new');
    expect(await readFile(target(), 'utf8')).toBe('new');
    expect(await namesIn(folder.path)).toEqual(['state.json']);
  });

  it('keeps the previous file when writing fails half-way', async () => {
    await writeFileAtomically(target(), 'old');
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const failing = writeAtomically(target(), async (file) => {
      await file.writeFile('ne');
      throw full;
    });
    await expect(failing).rejects.toMatchObject({
      code: 'io-failed',
      message: expect.stringContaining('no space'),
    });
    expect(await readFile(target(), 'utf8')).toBe('old');
    expect(await namesIn(folder.path)).toEqual(['state.json']);
  });

  it.skipIf(process.platform === 'win32')('keeps it when the system refuses to write more', async () => {
    await writeFile(target(), 'old');
    const script = `
      import { writeFileAtomically } from './atomic-file.js';
      try {
        await writeFileAtomically(${JSON.stringify(target())}, new Uint8Array(100_000));
      } catch (error) {
        console.log(error.code, error.message);
      }`;
    const said = await outputOf(await runChild(folder.path, script, 'ulimit -f 8;'));
    expect(said).toMatch(/^io-failed .*EFBIG/);
    expect(await readFile(target(), 'utf8')).toBe('old');
    expect(await namesIn(folder.path)).toEqual(['code', 'state.json']);
  });

  it('removes what a killed writer left, and nothing else', async () => {
    // No process has this id: it is above the largest that Linux gives.
    await writeFile(join(folder.path, '.state.json.4194305.1.tmp'), 'half');
    await writeFile(join(folder.path, `.state.json.${process.ppid}.1.tmp`), 'being written');
    await writeFile(join(folder.path, '.state.json.bak'), 'of the user');
    await writeFileAtomically(target(), 'new');
    expect(await namesIn(folder.path)).toEqual([
      `.state.json.${process.ppid}.1.tmp`,
      '.state.json.bak',
      'state.json',
    ]);
  });

  it('says which file it could not write', async () => {
    const nowhere = join(folder.path, 'no', 'such', 'folder.json');
    await expect(writeFileAtomically(nowhere, '')).rejects.toMatchObject({
      code: 'io-failed',
      message: expect.stringContaining(nowhere),
    });
  });
});

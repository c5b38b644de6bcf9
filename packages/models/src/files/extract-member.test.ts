import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import { corruptions } from '../../test/corrupt.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { zipFile } from '../../test/zip-file.ts';
import { extractMember } from './extract-member.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const content = Buffer.from('weights '.repeat(1000));
const archive = zipFile({ 'a/other.txt': Buffer.from('x'), 'a/weights.bin': content });

describe('extractMember', () => {
  it('writes the one file that is asked for', async () => {
    await writeFile(at('a.zip'), archive);
    await extractMember(at('a.zip'), 'a/weights.bin', at('out'), 8000);
    expect(await readFile(at('out'))).toEqual(content);
  });

  it('refuses a file longer than expected, and one whose archive lies about it', async () => {
    await writeFile(at('a.zip'), archive);
    const extract = (maxBytes: number) => extractMember(at('a.zip'), 'a/weights.bin', at('out'), maxBytes);
    await expect(extract(7999)).rejects.toThrow('more than the 7999 allowed');
    const lying = Buffer.from(archive);
    // The length, in the central directory's entry and the file's own.
    for (const magic of ['PK\x01\x02', 'PK\x03\x04']) {
      const entry = lying.lastIndexOf(magic);
      lying.writeUInt32LE(10, entry + (magic === 'PK\x01\x02' ? 24 : 22));
    }
    await writeFile(at('a.zip'), lying);
    await expect(extract(100)).rejects.toMatchObject({ code: 'bad-data' });
  });

  it('says what is missing', async () => {
    await writeFile(at('a.zip'), archive);
    await expect(extractMember(at('a.zip'), 'weights.bin', at('out'), 8000)).rejects.toThrow(
      'no file weights.bin',
    );
    await expect(extractMember(at('no.zip'), 'x', at('out'), 1)).rejects.toThrow('not a sound zip archive');
  });

  it('extracts or refuses from any corrupted archive', async () => {
    let refused = 0;
    for (const [i, bytes] of [...corruptions(archive, archive.length, 200)].entries()) {
      await writeFile(at('a.zip'), bytes);
      try {
        await extractMember(at('a.zip'), 'a/weights.bin', at(`out${i}`), 8000);
      } catch (error) {
        expect(error).toBeInstanceOf(SdqError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(50);
  });
});

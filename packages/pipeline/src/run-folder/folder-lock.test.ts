import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, it } from 'vitest';
import { FolderLock } from './folder-lock.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-lock-'));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const folder = (name: string) => join(root, name);
const lockOf = (name: string) => join(root, name, 'lock');
const held = (name: string) => JSON.parse(readFileSync(lockOf(name), 'utf8'));

/** A process that takes locks of a folder, and says whether it got one. */
async function other(name: string): Promise<{ readonly said: string; kill(): Promise<void> }> {
  const module = fileURLToPath(new URL('./folder-lock.ts', import.meta.url));
  const code = `
    import { createJiti } from 'jiti';
    const { FolderLock } = await createJiti(${JSON.stringify(module)}).import(${JSON.stringify(module)});
    try { FolderLock.acquire(${JSON.stringify(folder(name))}); console.log('held'); }
    catch (error) { console.log(error.code + ' ' + error.message); }
    setInterval(() => {}, 1000);
  `;
  const cli = fileURLToPath(new URL('../../../cli', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=sdq-source', '--input-type=module', '-e', code], {
    cwd: cli,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const said = await new Promise<string>((resolve) =>
    child.stdout!.once('data', (text) => resolve(String(text))),
  );
  const kill = () =>
    new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  return { said, kill };
}

it('is held by one at a time, and leaves nothing behind', () => {
  const lock = FolderLock.acquire(folder('one'));
  expect(() => FolderLock.acquire(folder('one'))).toThrow(
    /one is in use by this process since 20.*: wait for it, or stop it\.$/,
  );
  lock.release();
  FolderLock.acquire(folder('one')).release();
  expect(readdirSync(folder('one'))).toEqual([]);
});

it('is not held by a process that was killed, and is by one that lives', async () => {
  const first = await other('two');
  expect(first.said).toBe('held\n');
  expect(() => FolderLock.acquire(folder('two'))).toThrow(`in use by process ${held('two').pid} since`);
  const second = await other('two');
  expect(second.said).toMatch(/^unavailable .*in use by process \d+/);
  await first.kill();
  expect(existsSync(lockOf('two'))).toBe(true);
  FolderLock.acquire(folder('two')).release();
}, 60_000);

it('is not held by another process of the same number, or by a file that is no lock', () => {
  const lock = FolderLock.acquire(folder('three'));
  const mine = held('three');
  lock.release();
  for (const text of [JSON.stringify({ ...mine, began: 'before the restart' }), '', '{"pid":', 'null']) {
    writeFileSync(lockOf('three'), text);
    FolderLock.acquire(folder('three')).release();
  }
});

it('is held by another machine as long as that gives signs', () => {
  const lock = FolderLock.acquire(folder('four'));
  const foreign = JSON.stringify({ ...held('four'), machine: 'elsewhere', host: 'elsewhere' });
  lock.release();
  writeFileSync(lockOf('four'), foreign);
  expect(() => FolderLock.acquire(folder('four'))).toThrow(
    /on the machine elsewhere since .*, or remove .*lock if that machine is gone\.$/,
  );
  const hourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(lockOf('four'), hourAgo, hourAgo);
  FolderLock.acquire(folder('four')).release();

  writeFileSync(lockOf('four'), foreign);
  FolderLock.dropForeign(folder('four'));
  const again = FolderLock.acquire(folder('four'));
  FolderLock.dropForeign(folder('four'));
  expect(() => FolderLock.acquire(folder('four'))).toThrow('in use by this process');
  again.release();
});

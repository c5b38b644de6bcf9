import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Runs the program in a project with a stand-in for TensorFlow.js, and the version of long that was hoisted. */
function runWith({ long, exported = 'export const one = 1;' }: { long: string; exported?: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'sdq-installed-'));
  folders.push(folder);
  const write = (name: string, manifest: object, code: string) => {
    const path = join(folder, 'node_modules', name, 'index.js');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
    writeFileSync(
      join(dirname(path), 'package.json'),
      JSON.stringify({ name, version: '1.0.0', ...manifest }),
    );
  };
  const tf =
    'exports.setBackend = async () => true; exports.add = (a, b) => ({ data: async () => [a + b] });';
  write('@tensorflow/tfjs', {}, tf);
  write('@tensorflow/tfjs-core', { dependencies: { long: '4.0.0' } }, '');
  write('long', { version: long }, '');
  write('packed', { type: 'module' }, exported);
  const program = join(folder, 'program.mjs');
  cpSync(fileURLToPath(new URL('installed-program.mjs', import.meta.url)), program);
  return spawnSync(process.execPath, [program, 'packed'], { encoding: 'utf8' });
}

it('prints the version of long that TensorFlow.js declares and gets', () => {
  const { status, stdout } = runWith({ long: '4.0.0' });
  expect([status, stdout]).toEqual([0, '4.0.0\n']);
});

it('fails when another version of long was hoisted', () => {
  const { status, stderr } = runWith({ long: '5.3.2' });
  expect(status).toBe(1);
  expect(stderr).toContain('@tensorflow/tfjs gets long 5.3.2, and supports 4.0.0.');
});

it('fails when a package cannot be imported', () => {
  const { status, stderr } = runWith({ long: '4.0.0', exported: "import 'nowhere';" });
  expect(status).toBe(1);
  expect(stderr).toContain("Cannot find package 'nowhere'");
});

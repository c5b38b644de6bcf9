import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Addon, addonFrom, loadAddon } from './addon.ts';

describe('the addon', () => {
  let addon: Addon;
  beforeAll(() => {
    addon = loadAddon();
  });

  it('turns a Rust panic into a JavaScript Error and goes on', () => {
    const x = new Float32Array(4);
    expect(() => addon.gelu(x, new Float32Array(3))).toThrow(Error);
    expect(() => addon.linear(x, x, x.slice(0, 2), x, 2, 2, 9)).toThrow('shorter than its shape');
    expect(() => addon.embedding(x, Int32Array.of(7), 2, new Float32Array(2))).toThrow(Error);
    // Inside the thread pool as well.
    const many = new Float32Array(70_000);
    const ids = new Int32Array(70_000).fill(7);
    expect(() => addon.embedding(x, ids, 1, many)).toThrow(Error);
    addon.gelu(x, x.slice());
  });

  it('takes empty arrays', () => {
    const none = new Float32Array(0);
    addon.gelu(none, none);
    expect(addon.sumOfSquares([none])).toBe(0);
  });
});

describe('where the addon comes from', () => {
  const native = fileURLToPath(new URL('../native/sdq-kernels-cpu.node', import.meta.url));
  const root = mkdtempSync(join(tmpdir(), 'sdq-addon-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const here = { info: () => ({}) } as Addon;
  const missing = () =>
    Object.assign(new Error("Cannot find module 'x'\nRequire stack:"), { code: 'MODULE_NOT_FOUND' });
  const from = (found: Readonly<Record<string, unknown>>) => () =>
    addonFrom(
      ['built', 'prebuilt'],
      (place) => place,
      (place) => {
        if (found[place] instanceof Error) throw found[place];
        return found[place];
      },
    );

  it('is what was built here, else the package of the platform', () => {
    expect(from({ built: here, prebuilt: missing() })()).toBe(here);
    expect(from({ built: missing(), prebuilt: here })()).toBe(here);
    expect(from({ built: new Error('wrong ELF class'), prebuilt: here })()).toBe(here);
  });

  it('is told in one sentence when there is none, or none that loads', () => {
    expect(from({ built: missing(), prebuilt: missing() })).toThrow(
      /^The sdq-cpu kernels do not load: neither is prebuilt installed nor were they built here; run "node build-native\.mjs" .*or use another backend\.$/,
    );
    expect(from({ built: missing(), prebuilt: new Error('GLIBC_2.34 not found\nmore') })).toThrow(
      /do not load: GLIBC_2\.34 not found; install prebuilt again, or run/,
    );
    expect(from({ built: missing(), prebuilt: {} })).toThrow(/do not load: it is no addon of sdq; /);
  });

  it('is not looked for elsewhere when an environment variable has an invalid value', () => {
    const info = () => {
      throw new Error('SDQ_THREADS=abc is no number of threads.');
    };
    expect(from({ built: { info }, prebuilt: here })).toThrowError(
      expect.objectContaining({ code: 'bad-option', message: 'SDQ_THREADS=abc is no number of threads.' }),
    );
  });

  it.each([
    ['is empty', (bytes: Buffer) => bytes.subarray(0, 0)],
    ['has its first half', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['lacks its last byte', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['has zeros inside', (bytes: Buffer) => Buffer.from(bytes).fill(0, 5_000, 9_000)],
  ])('is not loaded from a file that %s', (_, damage) => {
    const bytes = readFileSync(native);
    const loading = (content: Buffer) => {
      // In a folder of its own: one that is loaded must not change.
      const copy = join(mkdtempSync(join(root, 'build-')), 'copy.node');
      writeFileSync(copy, content);
      writeFileSync(`${copy}.sha256`, readFileSync(`${native}.sha256`));
      return addonFrom([copy], (place) => place, createRequire(import.meta.url));
    };
    expect(loading(bytes).info().version).toBeTruthy();
    expect(() => loading(damage(bytes))).toThrow(
      /^The sdq-cpu kernels do not load: .*copy\.node is damaged: its \d+ bytes have another sha256 than copy\.node\.sha256 says; install .*another backend\.$/,
    );
  });
});

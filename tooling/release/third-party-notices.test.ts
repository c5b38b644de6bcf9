import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'tsup';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkNotices, NOTICES, noticesText, thirdPartyNotices } from './third-party-notices.mjs';

const folder = mkdtempSync(join(tmpdir(), 'sdq-notices-'));
const notices = join(folder, 'dist', NOTICES);

/** A package that bundles one dependency, leaves one outside, and imports nothing of a third that it has. */
beforeAll(async () => {
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const dependency = (name: string, license: string, code: string) => {
    const manifest = { name, version: '1.2.3', license, type: 'module', exports: './index.js' };
    write(`node_modules/${name}/package.json`, JSON.stringify(manifest));
    write(`node_modules/${name}/index.js`, code);
  };
  dependency('@by/others', 'Apache-2.0', '// Copyright 2024 Others.\nexport const bundled = Math.random();');
  dependency('outside', 'MIT', 'export const outside = 1;');
  dependency('unused', 'MIT', 'export const unused = 1;');
  write('package.json', JSON.stringify({ name: 'own', version: '0.0.0', type: 'module' }));
  write(
    'src/index.ts',
    "import { bundled } from '@by/others';\nimport { outside } from 'outside';\nexport const sum = bundled + outside;\n",
  );
  await build({
    entry: { index: join(folder, 'src/index.ts') },
    outDir: join(folder, 'dist'),
    format: ['esm'],
    config: false,
    silent: true,
    sourcemap: true,
    external: ['outside'],
    noExternal: ['@by/others'],
    esbuildPlugins: [thirdPartyNotices()],
  });
  rmSync(join(folder, 'node_modules'), { recursive: true });
});

afterAll(() => rmSync(folder, { recursive: true }));

it('names what is bundled, whose it is, and its licence, and nothing else', () => {
  const text = readFileSync(notices, 'utf8');
  expect(text).toContain('@by/others 1.2.3 (Apache-2.0)\n  Copyright 2024 Others.\n');
  expect(text).toContain('TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION');
  expect(text).not.toMatch(/outside|unused/);
});

it('accepts a package with its notices, and refuses it without, by the name of what is bundled', () => {
  expect(() => checkNotices(folder)).not.toThrow();
  const text = readFileSync(notices, 'utf8');
  rmSync(notices);
  expect(() => checkNotices(folder)).toThrow(/^own ships code by others .*@by\/others/);
  writeFileSync(notices, text);
});

it('refuses sources that are copied without the notice of their copyright', () => {
  const source = join(folder, 'binding.cc');
  writeFileSync(source, '/* Copyright 2020 Somebody LLC. All Rights Reserved. */\n');
  expect(() => checkNotices(folder)).toThrow('Copyright 2020 Somebody LLC.');
  rmSync(source);
});

it('writes a licence text that packages share once, and refuses a licence that it has no text of', () => {
  const part = (name: string, license: string) => ({ name, version: '1.0.0', license });
  const text = noticesText([part('one', 'MIT'), part('two', '(MIT OR Zlib)')]);
  expect(text.split('Permission is hereby granted').length).toBe(2);
  expect(() => noticesText([part('odd', 'Odd-1.0')])).toThrow('odd ships no file of its licence (Odd-1.0)');
});

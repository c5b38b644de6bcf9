import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { perChannel } from '@sdq/quantizers';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPlugins, NO_PLUGINS } from './plugins.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-plugins-'));
const before = process.cwd();
beforeEach(() => process.chdir(root));
afterEach(() => process.chdir(before));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Writes a module and returns its name, as a user would give it. */
function module(name: string, code: string): string {
  writeFileSync(join(root, name), code);
  return `./${name}`;
}

const quantizer = (name: string, more = '') =>
  `{ name: '${name}', bits: 4, granularity: 'channel', fakeQuantize() {}, quantize() {}, ${more} }`;
const plugin = (name: string, parts: string) => `export default { contract: 2, name: '${name}', ${parts} };`;

describe('loadPlugins', () => {
  it('brings quantizers and losses by their names', async () => {
    const code = plugin(
      'lab',
      `quantizers: [${quantizer('int4-odd')}],
      losses: { odd: ({ layers }) => ({ name: 'odd', layers, taps: () => false, compute() {} }) }`,
    );
    const { quantizers, losses } = await loadPlugins([module('lab.mjs', code)]);
    expect([...quantizers.keys()]).toEqual(['int4-odd']);
    expect(losses.get('odd')!({ layers: 'last' })).toMatchObject({ name: 'odd', layers: 'last' });
    expect(await loadPlugins([])).toEqual(NO_PLUGINS);
  });

  it('takes quantizers of a class as they are', async () => {
    const code = `class Odd {
      name = 'int4-odd'; bits = 4; granularity = { group: 8 };
      fakeQuantize(x) { return x; }
      quantize() { return this.bits; }
    }
    ${plugin('lab', 'quantizers: [new Odd()]')}`;
    const { quantizers } = await loadPlugins([module('class.mjs', code)]);
    expect(quantizers.get('int4-odd')!.quantize(undefined as never)).toBe(4);
  });

  it('finds a folder by its package.json or its index, and an installed package by its name', async () => {
    const folder = (path: string, manifest: object | undefined, entry: string) => {
      mkdirSync(join(root, path), { recursive: true });
      if (manifest) writeFileSync(join(root, path, 'package.json'), JSON.stringify(manifest));
      writeFileSync(
        join(root, path, entry),
        plugin(`from-${entry.split('.')[0]}`, `losses: { ${entry.split('.')[0]}: () => {} }`),
      );
    };
    folder('a', { name: 'a', exports: { import: './alpha.mjs' } }, 'alpha.mjs');
    folder('b', { name: 'b', main: 'beta.mjs' }, 'beta.mjs');
    folder('c', { type: 'module' }, 'index.js');
    folder('node_modules/@lab/d', { name: '@lab/d', exports: './delta.mjs' }, 'delta.mjs');
    const { losses } = await loadPlugins(['./a', './b', join(root, 'c'), '@lab/d']);
    expect([...losses.keys()]).toEqual(['alpha', 'beta', 'index', 'delta']);
  });

  it.each([
    ['./nowhere', /^There is no plug-in \.\/nowhere: give a folder or file/],
    ['not-installed', /^There is no plug-in not-installed: /],
    ['./a-folder-with-nothing', /^There is no plug-in/],
  ])('says that there is none: %s', async (name, message) => {
    mkdirSync(join(root, 'a-folder-with-nothing'), { recursive: true });
    await expect(loadPlugins([name])).rejects.toMatchObject({
      code: 'path-not-found',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    ['throws', 'throw new Error("no licence");', /does not load: no licence\.$/],
    ['imports', 'import "not-there";', /does not load: Cannot find package 'not-there'/],
    ['syntax', 'export default {', /does not load: /],
    ['empty', '', /is no plug-in: its default export must be what definePlugin/],
    ['other', 'export default 5;', /is no plug-in/],
    [
      'later',
      'export default { contract: 3, name: "later" };',
      /version 3 of the contract of plug-ins, and this sdq has version 2/,
    ],
    ['unnamed', 'export default { contract: 2 };', /is wrong at name: /],
    ['typo', plugin('x', 'quantiser: []'), /is wrong: .*quantiser/],
    [
      'bits',
      plugin('x', `quantizers: [${quantizer('int16-odd', 'bits: 16')}]`),
      /is wrong at quantizers\.0\.bits: /,
    ],
    [
      'method',
      plugin('x', `quantizers: [${quantizer('int4-odd', 'quantize: 1')}]`),
      /quantizers\.0\.quantize: it must be a function/,
    ],
    [
      'optional method',
      plugin('x', `quantizers: [${quantizer('int4-odd', 'linear: 1')}]`),
      /quantizers\.0\.linear: it must be a function/,
    ],
    ['name', plugin('x', `losses: { 'a=b': () => {} }`), /is wrong at losses/],
  ])('says what is wrong with a module that %s', async (name, code, message) => {
    await expect(loadPlugins([module(`bad-${name}.mjs`, code)])).rejects.toMatchObject({
      code: 'bad-plugin',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [
      'quantizers',
      [`quantizers: [${quantizer(perChannel(4).name)}]`],
      /"one" has a quantizer "int4-per-channel", as sdq itself has/,
    ],
    ['losses', ['losses: { "att-kld": () => {} }'], /"one" has a loss "att-kld", as sdq itself has/],
    ['parts', ['losses: { task: () => {} }'], /has a loss "task", as sdq itself has/],
    [
      'each other',
      ['losses: { mine: () => {} }', 'losses: { mine: () => {} }'],
      /"two" has a loss "mine", as the plug-in "one" has: rename one\./,
    ],
  ])('lets no name be taken twice: %s', async (kind, parts, message) => {
    const names = parts.map((part, i) =>
      module(`clash-${kind.replace(' ', '-')}-${i}.mjs`, plugin(['one', 'two'][i]!, part)),
    );
    await expect(loadPlugins(names)).rejects.toMatchObject({
      code: 'bad-plugin',
      message: expect.stringMatching(message),
    });
  });

  it('checks what a loss is when it is made', async () => {
    const code = plugin(
      'lab',
      `losses: {
        nothing: () => undefined,
        renamed: () => ({ name: 'other', taps() {}, compute() {} }),
        partial: () => ({ name: 'partial', taps() {} }),
        obstacle: () => ({ name: 'obstacle', taps() {}, compute() {}, obstacle: 'none' }),
      }`,
    );
    const { losses } = await loadPlugins([module('losses.mjs', code)]);
    expect(() => losses.get('nothing')!({})).toThrow(/"lab" makes an invalid loss "nothing"/);
    expect(() => losses.get('renamed')!({})).toThrow(/"renamed", at name: it must be "renamed"/);
    expect(() => losses.get('partial')!({})).toThrow(/at compute: it must be a function/);
    expect(() => losses.get('obstacle')!({})).toThrow(/at obstacle: it must be a function/);
  });
});

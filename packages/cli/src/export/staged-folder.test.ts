import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeStagedFolder } from './staged-folder.ts';

let root = '';
const model = () => join(root, 'model');
const out = () => join(root, 'new', 'out');
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdq-staged-'));
  mkdirSync(model());
});
afterEach(() => rmSync(root, { recursive: true }));

const put = (text: string) => async (staged: string) => {
  writeFileSync(join(staged, 'marker'), text);
};
const options = (force: boolean) => ({ marker: 'marker', force, keep: model() });

it('writes a folder, and replaces it only when told to', async () => {
  await writeStagedFolder(out(), options(false), put('one'));
  await expect(writeStagedFolder(out(), options(false), put('two'))).rejects.toThrow(
    'exists: choose another',
  );
  expect(readFileSync(join(out(), 'marker'), 'utf8')).toBe('one');
  await writeStagedFolder(out(), options(true), put('two'));
  expect(readFileSync(join(out(), 'marker'), 'utf8')).toBe('two');
  expect(readdirSync(join(root, 'new'))).toEqual(['out']);
});

it('leaves what was there, and nothing else, when writing fails', async () => {
  const fail = (error: Error) => async (staged: string) => {
    writeFileSync(join(staged, 'half'), '');
    throw error;
  };
  await expect(writeStagedFolder(out(), options(false), fail(new Error('disk full')))).rejects.toThrow(
    'cannot be written: disk full.',
  );
  expect(existsSync(out())).toBe(false);
  await writeStagedFolder(out(), options(false), put('one'));
  const error = new SdqError('bad-value', 'No.');
  await expect(writeStagedFolder(out(), options(true), fail(error))).rejects.toBe(error);
  expect(readdirSync(out())).toEqual(['marker']);
  expect(readdirSync(join(root, 'new'))).toEqual(['out']);
});

it('replaces neither the model, nor what no export wrote', async () => {
  for (const folder of [model(), root]) {
    await expect(writeStagedFolder(folder, options(true), put('x'))).rejects.toThrow(
      'holds the model itself',
    );
  }
  const other = join(root, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'thesis.txt'), '');
  await expect(writeStagedFolder(other, options(true), put('x'))).rejects.toThrow(
    'by which this command knows what it wrote',
  );
  await expect(writeStagedFolder(join(other, 'thesis.txt'), options(true), put('x'))).rejects.toThrow(
    'by which this command knows what it wrote',
  );
  expect(readdirSync(other)).toEqual(['thesis.txt']);
});

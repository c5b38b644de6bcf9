import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readConfigFile, withFlags } from './config-file.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-config-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('takes flags in the place of what the file says, also within a group', () => {
  const path = join(root, 'run.json');
  writeFileSync(
    path,
    JSON.stringify({ task: 'POS', seed: 1, quantized: { epochs: 2, decay: 'cosine' }, methods: ['sdq'] }),
  );
  expect(withFlags(readConfigFile(path), { seed: 3, quantized: { epochs: 4 }, methods: ['qat'] })).toEqual({
    task: 'POS',
    seed: 3,
    quantized: { epochs: 4, decay: 'cosine' },
    methods: ['qat'],
  });
});

it.each([
  ['{', 'is not JSON'],
  ['[1]', 'must hold one JSON object'],
  [' '.repeat(2 ** 20 + 1), 'is longer than any configuration'],
])('says what is wrong with a file', (text, said) => {
  const path = join(root, 'bad.json');
  writeFileSync(path, text);
  expect(() => readConfigFile(path)).toThrow(said);
  expect(() => readConfigFile(join(root, 'none.json'))).toThrow('There is no configuration file');
});

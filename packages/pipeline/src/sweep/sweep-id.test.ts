import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RunConfig } from '../config/index.ts';
import { requireSweepFolder, sweepId } from './sweep-id.ts';

const at = (folder: string) => ({ out: join(folder, 'seed-0') }) as RunConfig;

it('knows the folder of a sweep again, and refuses another in its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sdq-sweep-id-'));
  const id = await sweepId(at(folder));
  expect(await sweepId(at(folder))).toBe(id);
  expect(() => requireSweepFolder(at(folder), id)).not.toThrow();
  const other = mkdtempSync(join(tmpdir(), 'sdq-sweep-id-'));
  expect(() => requireSweepFolder(at(other), id)).toThrow(`The sweep's folder ${other} is not here`);
});

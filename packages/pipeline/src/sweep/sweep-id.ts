import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SdqError } from '@sdq/core';
import { writeFileAtomically } from '@sdq/models';
import type { RunConfig } from '../config/index.ts';
import { jobsFolder } from './run-folders.ts';

/**
 * What the folder of a sweep is known by, made when it is first asked for: by it a worker sees that the folder it has under
 * a path is the very one of the sweep.
 */
export async function sweepId(config: RunConfig): Promise<string> {
  const file = idFile(config);
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    await writeFileAtomically(file, `${randomUUID()}\n`);
  }
  return read(file);
}

/** @throws SdqError `path-not-found` unless the folder that a run goes to is, seen from here, the sweep's */
export function requireSweepFolder(config: RunConfig, id: string): void {
  const folder = dirname(config.out);
  if (existsSync(idFile(config)) && read(idFile(config)) === id) return;
  throw new SdqError(
    'path-not-found',
    `The sweep's folder ${folder} is not here (this is ${process.cwd()}): start the worker where the shared folder has the path that the sweep gave.`,
  );
}

const idFile = (config: RunConfig) => join(jobsFolder(config), 'queue-id');
const read = (file: string) => readFileSync(file, 'utf8').trim();

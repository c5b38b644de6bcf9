import { basename, dirname, join } from 'node:path';
import type { RunConfig } from '../config/index.ts';

/** Where a sweep keeps what its runs are asked and what they say: beside their folders. */
export function jobsFolder(config: RunConfig): string {
  return join(dirname(config.out), 'jobs');
}

/** Where the runs of a sweep that go one after another keep what they have in common. */
export function sharedFolder(config: RunConfig): string {
  return join(dirname(config.out), 'shared');
}

/** The name of a run, which is that of its folder. */
export function runName(config: RunConfig): string {
  return basename(config.out);
}

/** The file that a run's output goes to. */
export function runLog(config: RunConfig): string {
  return join(jobsFolder(config), `${runName(config)}.log`);
}

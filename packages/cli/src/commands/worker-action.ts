import { existsSync } from 'node:fs';
import { SdqError } from '@sdq/core';
import { fetchDefaultCheckpoint } from '@sdq/models';
import type { RunConfig } from '@sdq/pipeline';
import type { RunEnd } from '@sdq/queue';
import type { CommonFlags } from '../flags/index.ts';
import { optionalPackage } from '../optional-package.ts';
import { type RunProcess, startRun, wasInterrupted } from '../run-process/index.ts';
import { TerminalReporter, VERSION } from '../terminal/index.ts';

/** The flags of `sdq worker`. */
export interface WorkerFlags extends CommonFlags {
  readonly queue: string;
  readonly concurrency: number;
  readonly takeOverAfter: number;
  readonly checkpointSteps?: number;
}

/** The exit code of a run that says what is wrong with it, which would say so again. */
const MISTAKE = 2;

/**
 * `sdq worker`: takes runs of sweeps from a queue in Redis, each in a process of its own, until it is told to stop; then it
 * gives back what it has.
 */
export async function workerAction(flags: WorkerFlags): Promise<void> {
  const { concurrency, takeOverAfter } = flags;
  if (!(Number.isInteger(concurrency) && concurrency > 0))
    throw new SdqError('bad-option', `--concurrency ${concurrency} is no number of runs.`);
  if (!(takeOverAfter >= 1))
    throw new SdqError('bad-option', `--take-over-after must be at least 1 second, not ${takeOverAfter}.`);
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  const { serveQueue } = await optionalPackage('@sdq/queue', '"sdq worker"', () => import('@sdq/queue'));
  await serveQueue({
    url: flags.queue,
    version: VERSION,
    concurrency,
    takeOverAfter,
    reporter,
    prepare: requireModel,
    start: async (config) => {
      const { child, ended } = await startRun(config, { ...flags, supervised: true });
      return { kill: (signal) => void child.kill(signal), ended: ended.then(endOf) };
    },
  });
}

function endOf({ code, reason }: Awaited<RunProcess['ended']>): RunEnd {
  if (code === 0) return { outcome: 'done', reason };
  if (wasInterrupted(code)) return { outcome: 'interrupted', reason };
  return { outcome: code === MISTAKE ? 'refused' : 'failed', reason };
}

/** Fetches the default model where a run starts from it. */
async function requireModel(config: RunConfig, fetchesModel: boolean): Promise<void> {
  if (existsSync(config.model)) return;
  const fetched = fetchesModel ? await fetchDefaultCheckpoint() : undefined;
  if (fetched === config.model) return;
  throw new SdqError(
    'path-not-found',
    `The model ${config.model} of ${config.out} is not on this machine: put it where all workers see it under one path, and name it in the experiment.`,
  );
}

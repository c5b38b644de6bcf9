import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { SdqError } from '@sdq/core';
import { fetchDefaultCheckpoint } from '@sdq/models';
import { FolderLock, isRunFinished } from '@sdq/pipeline';
import type { Job } from 'bullmq';
import type { CommonFlags } from '../flags/index.ts';
import {
  PREFIX,
  QUEUE,
  type QueuedRun,
  type RunProcess,
  reachRedis,
  readQueuedRun,
  requireSweepFolder,
  runName,
  startRun,
  wasInterrupted,
} from '../queue/index.ts';
import { INTERRUPTED, TerminalReporter } from '../terminal/index.ts';

/** The flags of `sdq worker`. */
export interface WorkerFlags extends CommonFlags {
  readonly queue: string;
  readonly concurrency: number;
  readonly takeOverAfter: number;
  readonly checkpointSteps?: number;
}

/** A run is given up when the machines it was on have gone so often. */
const MAX_TAKE_OVERS = 10;
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
  const server = await reachRedis(flags.queue);
  const { UnrecoverableError, WaitingError, Worker } = await import('bullmq');
  const lease = 1000 * takeOverAfter;
  const held = new Map<string, HeldRun>();
  let reason: SdqError | undefined;

  const worker = new Worker(QUEUE, (job, token) => take(job, token!), {
    connection: { url: server.url, maxRetriesPerRequest: null },
    prefix: PREFIX,
    name: `${hostname()}:${process.pid}`,
    autorun: false,
    concurrency,
    lockDuration: lease,
    stalledInterval: lease,
    maxStalledCount: MAX_TAKE_OVERS,
  });
  let told = '';
  worker.on('error', ({ message }) => {
    if (message !== told && reason === undefined) reporter.message(`Redis at ${server.address}: ${message}`);
    told = message;
  });
  worker.on('locksRenewed', ({ jobIds }) => {
    for (const id of jobIds) held.get(id)?.renew();
  });

  const stop = (why: SdqError) => {
    reason ??= why;
    for (const { run } of held.values()) run.child.kill('SIGTERM');
    // Takes nothing more, and waits for what it has.
    void worker.close();
  };
  const onSignal = () => {
    if (reason !== undefined) {
      for (const { run } of held.values()) run.child.kill('SIGKILL');
      process.exit(INTERRUPTED);
    }
    reporter.message('Saving the runs and giving them back, then stopping; once more to stop at once.');
    stop(new SdqError('interrupted', 'Stopped: other workers go on with the runs that this one had.'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);

  async function take(job: Job, token: string): Promise<void> {
    const giveBack = async () => {
      await job.moveToWait(token);
      throw new WaitingError();
    };
    let queued: QueuedRun;
    try {
      queued = readQueuedRun(job.data);
      requireSweepFolder(queued.config, queued.sweep);
      await requireModel(queued);
    } catch (error) {
      if (!(error instanceof SdqError)) throw error;
      // This worker is of no use to the run; another may be.
      stop(error);
      return giveBack();
    }
    const { config } = queued;
    if (config.plugins) {
      throw new UnrecoverableError('A worker loads no plug-ins, which are code, for a queue.');
    }
    if (reason !== undefined) return giveBack();
    if (await isRunFinished(config)) return;
    // The queue gave the run to this worker: a process of another machine that had it is gone.
    FolderLock.dropForeign(config.out);
    const name = `${basename(dirname(config.out))}, ${runName(config)}`;
    reporter.message(`${name}: started`);
    const run = await startRun(config, { ...flags, supervised: true });
    const lock = new HeldRun(run, lease);
    held.set(job.id!, lock);
    if (reason !== undefined) run.child.kill('SIGTERM');
    const { code, reason: sentence } = await run.ended;
    held.delete(job.id!);
    lock.release();
    if (code === 0) {
      reporter.message(`${name}: finished`);
      return;
    }
    if (wasInterrupted(code)) return giveBack();
    reporter.message(`${name}: ${sentence}`);
    throw code === MISTAKE ? new UnrecoverableError(sentence) : new Error(sentence);
  }

  reporter.message(`Taking runs from ${server.address}; Ctrl-C gives back what is under way.`);
  try {
    await worker.run();
    await worker.close();
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
  if (reason !== undefined) throw reason;
}

/**
 * A run that this worker has taken: its process is killed once Redis has not heard of the worker for so long that another may
 * take the run, lest two write to one folder.
 */
class HeldRun {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly run: RunProcess,
    private readonly milliseconds: number,
  ) {
    this.renew();
  }

  renew(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.run.child.kill('SIGKILL'), this.milliseconds);
  }

  release(): void {
    clearTimeout(this.timer);
  }
}

/** Fetches the default model where a run starts from it. */
async function requireModel({ config, fetchesModel }: QueuedRun): Promise<void> {
  if (existsSync(config.model)) return;
  const fetched = fetchesModel ? await fetchDefaultCheckpoint() : undefined;
  if (fetched === config.model) return;
  throw new SdqError(
    'path-not-found',
    `The model ${config.model} of ${config.out} is not on this machine: put it where all workers see it under one path, and name it in the experiment.`,
  );
}

import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { type Reporter, SdqError } from '@sdq/core';
import { FolderLock, isRunFinished, type RunConfig, requireSweepFolder, runName } from '@sdq/pipeline';
import type { Job } from 'bullmq';
import { PREFIX, QUEUE, type QueuedRun, reachRedis, readQueuedRun } from './run-queue.ts';

/** How a run ended; one that was refused would be refused again. */
export interface RunEnd {
  readonly outcome: 'done' | 'interrupted' | 'refused' | 'failed';
  /** Its last sentence. */
  readonly reason: string;
}

/** A run that a worker has started, in a process of its own. */
export interface StartedRun {
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  readonly ended: Promise<RunEnd>;
}

/** What a worker is told. */
export interface WorkerOptions {
  /** The address of the Redis server, as redis://HOST:6379. */
  readonly url: string;
  /** The version of sdq: runs of another version are not taken. */
  readonly version: string;
  /** Runs at a time, at least 1. */
  readonly concurrency: number;
  /** Seconds of silence after which another worker goes on with the runs of this one, at least 1. */
  readonly takeOverAfter: number;
  readonly reporter: Reporter;
  /** Makes sure that a run finds its model here, or throws an SdqError. */
  prepare(config: RunConfig, fetchesModel: boolean): Promise<void>;
  start(config: RunConfig): Promise<StartedRun>;
}

/** A run is given up when the machines it was on have gone so often. */
const MAX_TAKE_OVERS = 10;
/** The exit code of what Ctrl-C ended. */
const INTERRUPTED = 130;

/**
 * Takes runs of sweeps from a queue in Redis until SIGINT or SIGTERM comes; then it gives back what it has.
 *
 * @throws SdqError 'interrupted' once it was told to stop; 'unavailable' when there is no server, or it holds runs of another
 * version; 'path-not-found' where a sweep's folder or model is not here
 *
 * @example
 * ```ts
 * import { serveQueue, type WorkerOptions } from '@sdq/queue';
 *
 * const work = async (options: WorkerOptions) => serveQueue({ ...options, concurrency: 2 });
 * ```
 */
export async function serveQueue(options: WorkerOptions): Promise<void> {
  const { url, version, concurrency, takeOverAfter, reporter } = options;
  const server = await reachRedis(url);
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
    for (const { run } of held.values()) run.kill('SIGTERM');
    // Takes nothing more, and waits for what it has.
    void worker.close();
  };
  const onSignal = () => {
    if (reason !== undefined) {
      for (const { run } of held.values()) run.kill('SIGKILL');
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
      queued = readQueuedRun(job.data, version);
      requireSweepFolder(queued.config, queued.sweep);
      await options.prepare(queued.config, queued.fetchesModel);
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
    const run = await options.start(config);
    const lock = new HeldRun(run, lease);
    held.set(job.id!, lock);
    if (reason !== undefined) run.kill('SIGTERM');
    const { outcome, reason: sentence } = await run.ended;
    held.delete(job.id!);
    lock.release();
    if (outcome === 'done') {
      reporter.message(`${name}: finished`);
      return;
    }
    if (outcome === 'interrupted') return giveBack();
    reporter.message(`${name}: ${sentence}`);
    throw outcome === 'refused' ? new UnrecoverableError(sentence) : new Error(sentence);
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
    readonly run: StartedRun,
    private readonly milliseconds: number,
  ) {
    this.renew();
  }

  renew(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.run.kill('SIGKILL'), this.milliseconds);
  }

  release(): void {
    clearTimeout(this.timer);
  }
}

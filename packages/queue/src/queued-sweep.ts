import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Reporter, SdqError } from '@sdq/core';
import { isRunFinished, type KnownHashes, type RunConfig, runLog, runName, sweepId } from '@sdq/pipeline';
import type { Job, Queue } from 'bullmq';
import { openQueue, type QueuedRun, reachRedis } from './run-queue.ts';

/** A run whose worker broke is tried so often; one that says itself what is wrong with it is not tried again. */
const ATTEMPTS = 3;
const RETRY_MILLISECONDS = 10_000;
/** How long the queue remembers runs that are finished, in seconds. */
const KEEP_FINISHED = 7 * 24 * 3600;
const LOOK_MILLISECONDS = 1000;
/** So many questions a second are no burden for Redis, however many runs a sweep has. */
const MILLISECONDS_PER_RUN = 5;
/** A network folder may show late what another machine wrote. */
const RESULTS_MILLISECONDS = 60_000;

/** A run that did not end as it should, and where it says why. */
export interface Failure {
  readonly name: string;
  readonly log: string;
  /** Its own last sentence. */
  readonly reason: string;
}

/** A run of a sweep as the queue knows it. */
interface Entry {
  readonly id: string;
  readonly data: QueuedRun;
  /** The worker that was last seen at it. */
  worker?: string;
  /** When the queue first called it finished. */
  finishedAt?: number;
}

/** The runs of sweeps on a queue in Redis, which workers on any number of machines take from it. */
export class QueuedSweep {
  private readonly entries = new Map<string, Entry>();
  private readonly stopped = new AbortController();

  private constructor(
    private readonly queue: Queue,
    private readonly disconnect: () => void,
    private readonly address: string,
    private readonly version: string,
    private readonly reporter: Reporter,
  ) {}

  /**
   * @param url - of a Redis server, as redis://HOST:6379
   * @param version - of sdq: workers of another version take none of these runs
   * @throws SdqError 'bad-option' for what is no address, 'unavailable' when there is no server, or too old a one
   */
  static async open(url: string, version: string, reporter: Reporter): Promise<QueuedSweep> {
    const server = await reachRedis(url);
    const { queue, disconnect } = await openQueue(server);
    const sweep = new QueuedSweep(queue, disconnect, server.address, version, reporter);
    let told = '';
    queue.on('error', ({ message }) => {
      if (message !== told) reporter.message(`Redis at ${server.address}: ${message}`);
      told = message;
    });
    process.once('SIGINT', sweep.stop);
    process.once('SIGTERM', sweep.stop);
    return sweep;
  }

  /**
   * Puts the runs that are not finished, and are not there already, into the queue.
   *
   * @throws SdqError `unavailable` when a run is under way with another configuration
   */
  async add(configs: readonly RunConfig[], fetchesModel: (config: RunConfig) => boolean): Promise<void> {
    const known: KnownHashes = new Map();
    for (const config of configs) {
      if (await isRunFinished(config, known)) continue;
      const sweep = await sweepId(config);
      const entry: Entry = {
        id: `${sweep}_${runName(config)}`,
        data: JSON.parse(
          JSON.stringify({ version: this.version, sweep, config, fetchesModel: fetchesModel(config) }),
        ) as QueuedRun,
      };
      this.entries.set(config.out, entry);
      await this.unlessStopped(this.replace(entry), configs.length);
    }
    if (this.entries.size > 0 && (await this.queue.getWorkersCount()) === 0) {
      this.reporter.message(
        `No worker is there yet: start "sdq worker --queue ${this.address}" on each machine that shares the folder.`,
      );
    }
  }

  /**
   * Waits until each of some runs is finished or has failed.
   *
   * @returns those that failed
   * @throws SdqError `interrupted` when Ctrl-C asked for it, `path-not-found` when results are not where they should be
   */
  async finish(sweep: string, configs: readonly RunConfig[]): Promise<Failure[]> {
    const failures: Failure[] = [];
    let left = configs.filter(({ out }) => this.entries.has(out));
    const tell = (config: RunConfig, what: string) =>
      this.reporter.message(
        `${sweep}, ${configs.length - left.length} of ${configs.length} runs done: ${runName(config)} ${what}`,
      );
    while (left.length > 0) {
      for (const config of left) {
        if (this.stopped.signal.aborted) throw this.interrupted(left.length);
        const entry = this.entries.get(config.out)!;
        const seen = await this.unlessStopped(this.look(config, entry), left.length);
        if (seen === undefined) continue;
        if ('worker' in seen) {
          tell(config, `runs on ${seen.worker}`);
          continue;
        }
        left = left.filter((one) => one !== config);
        if (seen.failed !== undefined) {
          failures.push({ name: runName(config), log: runLog(config), reason: seen.failed });
        }
        tell(config, seen.failed === undefined ? 'is finished' : 'failed');
      }
      const pause = Math.max(LOOK_MILLISECONDS, MILLISECONDS_PER_RUN * left.length);
      if (left.length > 0) await sleep(pause, undefined, { signal: this.stopped.signal }).catch(() => {});
    }
    return failures;
  }

  /** Lets go of Redis; the runs that are in the queue stay there. */
  close(): void {
    process.off('SIGINT', this.stop);
    process.off('SIGTERM', this.stop);
    this.disconnect();
  }

  private readonly stop = () => this.stopped.abort();

  /** What Redis answers; one that has gone may answer when it is back. */
  private unlessStopped<T>(answer: Promise<T>, left: number): Promise<T> {
    const { signal } = this.stopped;
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(this.interrupted(left));
      signal.addEventListener('abort', stop);
      answer
        .then(resolve, (error) => (signal.aborted ? stop() : reject(error)))
        .finally(() => signal.removeEventListener('abort', stop));
    });
  }

  private interrupted(left: number): SdqError {
    return new SdqError(
      'interrupted',
      `Stopped waiting: ${left} runs stay in the queue for the workers, and the same command waits for them again.`,
    );
  }

  /** What is new about a run: the worker that took it, or that it ended. */
  private async look(
    config: RunConfig,
    entry: Entry,
  ): Promise<{ readonly worker: string } | { readonly failed?: string | undefined } | undefined> {
    const state = await this.queue.getJobState(entry.id);
    if (state === 'failed') return { failed: (await this.job(entry))?.failedReason ?? 'It failed.' };
    if (state === 'active') {
      const worker = (await this.job(entry))?.processedBy;
      if (worker === undefined || worker === entry.worker) return undefined;
      entry.worker = worker;
      return { worker };
    }
    if (state !== 'completed' && state !== 'unknown') return undefined;
    if (await isRunFinished(config)) return {};
    // Redis has lost it, as by a restart without its data.
    if (state === 'unknown') await this.replace(entry);
    else this.requireSoon(config, entry);
    return undefined;
  }

  private requireSoon(config: RunConfig, entry: Entry): void {
    entry.finishedAt ??= Date.now();
    if (Date.now() - entry.finishedAt < RESULTS_MILLISECONDS) return;
    throw new SdqError(
      'path-not-found',
      `A worker finished ${runName(config)}, but ${config.out} has no results of it: is this folder still the one that the workers share?`,
    );
  }

  /** Makes sure that the queue holds a run as it is asked for now, to be done or under way. */
  private async replace({ id, data }: Entry): Promise<void> {
    const before = (await this.queue.getJob(id)) as Job<QueuedRun> | undefined;
    if (before !== undefined) {
      const ended = ['completed', 'failed'].includes(await before.getState());
      if (!ended && isDeepStrictEqual(placed(before.data), placed(data))) return;
      try {
        await before.remove();
      } catch (cause) {
        throw new SdqError(
          'unavailable',
          `${data.config.out} is under way on ${before.processedBy} with other options or another version of sdq: wait for it, or stop that worker.`,
          { cause },
        );
      }
    }
    await this.queue.add('run', data, {
      jobId: id,
      attempts: ATTEMPTS,
      backoff: { type: 'fixed', delay: RETRY_MILLISECONDS },
      removeOnComplete: { age: KEEP_FINISHED },
    });
  }

  private job({ id }: Entry): Promise<Job<QueuedRun> | undefined> {
    return this.queue.getJob(id);
  }
}

/** A run by where its paths lead, however they are written. */
function placed({ config, ...rest }: QueuedRun): unknown {
  const { data, model, teacher, out } = config;
  return {
    ...rest,
    config: {
      ...config,
      ...{ data: resolve(data), model: resolve(model), out: resolve(out) },
      ...(teacher !== undefined && { teacher: resolve(teacher) }),
    },
  };
}

import { SdqError } from '@sdq/core';
import type { RunConfig } from '@sdq/pipeline';
import type { Queue } from 'bullmq';

/** The name and the prefix of sdq's queue in Redis. */
export const QUEUE = 'runs';
export const PREFIX = 'sdq';
/** What BullMQ wants at least. */
const MINIMUM_REDIS = [6, 2] as const;
const CONNECT_MILLISECONDS = 10_000;

/** One run of a sweep, as it lies in the queue. */
export interface QueuedRun {
  /** The version of sdq whose sweep this is. */
  readonly version: string;
  /** What the sweep's folder is known by: see `sweepId`. */
  readonly sweep: string;
  readonly config: RunConfig;
  /** Whether it starts from the model that sdq fetches, which a worker can fetch too. */
  readonly fetchesModel: boolean;
}

/** A Redis server that was reached. */
export interface RedisServer {
  readonly url: string;
  /** Its address without user and password, for people. */
  readonly address: string;
}

/**
 * Checks that there is a Redis server that can hold the queue.
 *
 * @throws SdqError `bad-option` for what is no address, `unavailable` when there is no server, or too old a one
 */
export async function reachRedis(url: string): Promise<RedisServer> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw new SdqError('bad-option', '--queue takes the address of a Redis server, as redis://HOST:6379.');
  }
  const address = `${parsed.protocol}//${parsed.host}`;
  const { Redis } = await import('ioredis');
  const probe = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: CONNECT_MILLISECONDS,
    commandTimeout: CONNECT_MILLISECONDS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let problem: Error | undefined;
  probe.on('error', (error) => {
    problem = error;
  });
  let info: string;
  try {
    await probe.connect();
    info = await probe.info('server');
  } catch (cause) {
    const { message } = problem ?? (cause as Error);
    throw new SdqError(
      'unavailable',
      `Redis at ${address} does not answer (${message}): start redis-server there, or give its address with --queue.`,
      { cause },
    );
  } finally {
    probe.disconnect();
  }
  requireRecent(address, /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown');
  return { url, address };
}

function requireRecent(address: string, version: string): void {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  const [wantedMajor, wantedMinor] = MINIMUM_REDIS;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  throw new SdqError(
    'unavailable',
    `Redis at ${address} has version ${version}, but the queue needs ${MINIMUM_REDIS.join('.')} or newer.`,
  );
}

/** The queue of runs, and what lets go of Redis at once, also while that does not answer. */
export async function openQueue({ url }: RedisServer): Promise<{ queue: Queue; disconnect: () => void }> {
  const [{ Queue }, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  return {
    queue: new Queue(QUEUE, { connection, prefix: PREFIX }),
    disconnect: () => connection.disconnect(),
  };
}

/**
 * What a job of the queue holds; whether the configuration is one is for the run to say.
 *
 * @param here - the version of sdq that is to do it
 * @throws SdqError `unavailable` for a job of another version, `bad-data` for what is no run
 */
export function readQueuedRun(data: unknown, here: string): QueuedRun {
  const { version, sweep, config, ...rest } = (data ?? {}) as Partial<QueuedRun>;
  if ([version, sweep, config?.out, config?.model].some((text) => typeof text !== 'string')) {
    throw new SdqError('bad-data', 'The queue holds a job that no sdq sweep put there: use another Redis.');
  }
  if (version !== here) {
    throw new SdqError(
      'unavailable',
      `The run ${config!.out} in the queue is of sdq ${version}, and this is ${here}: install that version here, or give the sweep's command again with this one.`,
    );
  }
  return { version, sweep: sweep!, config: config!, fetchesModel: rest.fetchesModel === true };
}

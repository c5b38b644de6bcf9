import { createHistogram } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { SdqError } from '@sdq/core';
import { type Head, isQuantizedModel, readConfig } from '@sdq/models';
import { Piscina } from 'piscina';
import type { TextInput, TextResult } from './answer-texts.ts';
import { noHead } from './saved-model.ts';
import type { ServingReply, ServingWorkerData } from './serving-worker.ts';

/** How a model is served. */
export interface LoadEncoderOptions {
  /** Threads beside the caller's, each with a copy of the model, > 0; the kernels of one use all cores already. */
  readonly workers?: number;
  /** Texts that a worker takes at once, > 0. */
  readonly maxBatch?: number;
  /** A call is refused when more texts than this would wait with its own, > 0. */
  readonly maxWaiting?: number;
  /** The address of a module that each worker imports first, to set its tensor backend: `import.meta.resolve('./setup.js')`. */
  readonly setup?: string;
}

/** How a served model has done so far. */
export interface ServingStats {
  /** Texts that wait for a worker. */
  readonly waiting: number;
  /** Texts answered. */
  readonly answered: number;
  /** Batches that they came in. */
  readonly batches: number;
  /** From a call to its answer. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number };
}

/** A model that answers calls from worker threads; texts of calls that come at the same time share batches. */
export interface ServedEncoder {
  readonly head: Head;
  /** Whether its weights are integers. */
  readonly quantized: boolean;
  /**
   * What the model says of each text, or why it says nothing: an error of one text is that text's alone.
   *
   * @throws SdqError `unavailable` when too many texts would wait (try again later, or with fewer) or the model was closed;
   * the signal's reason when it is aborted: texts that still wait are not computed then
   */
  predict(texts: readonly TextInput[], options?: { readonly signal?: AbortSignal }): Promise<TextResult[]>;
  stats(): ServingStats;
  /** Answers what waits, and ends the workers. */
  close(): Promise<void>;
}

/** A text that waits. */
interface Waiting {
  readonly input: TextInput;
  readonly answer: (found: TextResult) => void;
  readonly fail: (error: unknown) => void;
}

type Pool = Piscina<readonly TextInput[], ServingReply>;

const NANOSECONDS_A_MS = 1e6;

/**
 * Loads a fine-tuned model, fp32 or quantized, into worker threads that answer texts in batches, so that the caller's thread
 * stays free.
 *
 * @throws SdqError as `loadSavedModel` and the loader of tokenizers; `bad-option` for an option out of its range
 *
 * @example
 * ```ts
 * import { loadEncoder } from '@sdq/serve';
 *
 * async function label(folder: string, texts: string[], signal: AbortSignal) {
 *   const encoder = await loadEncoder(folder);
 *   const results = await encoder.predict(texts, { signal });
 *   console.log(encoder.stats().latencyMs.p99);
 *   await encoder.close();
 *   return results.map((result) => ('answer' in result ? result.answer : result.error.message));
 * }
 * ```
 */
export async function loadEncoder(folder: string, options: LoadEncoderOptions = {}): Promise<ServedEncoder> {
  const { workers = 1, maxBatch = 32, maxWaiting = 1024, setup } = options;
  for (const [name, value] of Object.entries({ workers, maxBatch, maxWaiting })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new SdqError('bad-option', `${name} is ${value}: give a whole number above 0.`);
    }
  }
  const { head } = await readConfig(folder);
  if (!head) throw noHead(folder);
  const quantized = await isQuantizedModel(folder);
  const pool: Pool = new Piscina({
    ...worker(),
    minThreads: workers,
    maxThreads: workers,
    workerData: { folder, setup } satisfies ServingWorkerData,
  });
  try {
    // A model that does not load is the caller's to know now, not at the first text.
    resultsOf(await pool.run([]));
  } catch (error) {
    await pool.destroy();
    throw error;
  }
  return new Service(head, quantized, pool, workers, maxBatch, maxWaiting);
}

class Service implements ServedEncoder {
  private readonly queue: Waiting[] = [];
  private readonly latency = createHistogram();
  private running = 0;
  private answered = 0;
  private batches = 0;
  private closing: Promise<void> | undefined;

  constructor(
    readonly head: Head,
    readonly quantized: boolean,
    private readonly pool: Pool,
    private readonly workers: number,
    private readonly maxBatch: number,
    private readonly maxWaiting: number,
  ) {}

  async predict(
    texts: readonly TextInput[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<TextResult[]> {
    signal?.throwIfAborted();
    if (this.closing) throw new SdqError('unavailable', 'The model was closed: load it again.');
    this.requireRoom(texts.length);
    const started = performance.now();
    const own = new Set<Waiting>();
    let abort: (() => void) | undefined;
    try {
      const answers = texts.map(
        (input) =>
          new Promise<TextResult>((answer, fail) => {
            const waiting = { input, answer, fail };
            own.add(waiting);
            this.queue.push(waiting);
          }),
      );
      abort = () => {
        this.queue.splice(0, Infinity, ...this.queue.filter((waiting) => !own.has(waiting)));
        for (const { fail } of own) fail(signal!.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.dispatch();
      const found = await Promise.all(answers);
      this.latency.record(Math.max(1, Math.round(NANOSECONDS_A_MS * (performance.now() - started))));
      return found;
    } finally {
      if (abort) signal?.removeEventListener('abort', abort);
    }
  }

  stats(): ServingStats {
    const at = (percentile: number) =>
      this.latency.count === 0 ? 0 : this.latency.percentile(percentile) / NANOSECONDS_A_MS;
    return {
      waiting: this.queue.length,
      answered: this.answered,
      batches: this.batches,
      latencyMs: { p50: at(50), p90: at(90), p99: at(99) },
    };
  }

  close(): Promise<void> {
    this.closing ??= this.drain();
    return this.closing;
  }

  private async drain(): Promise<void> {
    while (this.running > 0 || this.queue.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await this.pool.close();
  }

  /** The texts of the call count: else one call could hold the workers for as long as it likes. */
  private requireRoom(texts: number): void {
    const { queue, maxWaiting } = this;
    if (texts > maxWaiting) {
      throw new SdqError(
        'unavailable',
        `${texts} texts at once are more than the ${maxWaiting} that may wait: send them in several calls.`,
      );
    }
    if (queue.length + texts <= maxWaiting) return;
    throw new SdqError('unavailable', `${queue.length} texts wait already: try again later.`);
  }

  private dispatch(): void {
    while (this.running < this.workers && this.queue.length > 0) {
      const batch = this.queue.splice(0, this.maxBatch);
      this.running += 1;
      this.batches += 1;
      this.pool
        .run(batch.map(({ input }) => input))
        .then((reply) => {
          const results = resultsOf(reply);
          this.answered += batch.length;
          for (const [i, { answer }] of batch.entries()) answer(results[i]!);
        })
        .catch((error) => {
          for (const { fail } of batch) fail(error);
        })
        .finally(() => {
          this.running -= 1;
          this.dispatch();
        });
    }
  }
}

function resultsOf(reply: ServingReply): TextResult[] {
  if ('results' in reply) return reply.results;
  throw reply.code ? new SdqError(reply.code, reply.message) : new Error(reply.message);
}

/** The worker is run as built, from the sources too: a thread of Node 20 loads JavaScript only. */
function worker(): { filename: string; execArgv?: string[] } {
  const fromSources = import.meta.url.endsWith('.ts');
  const file = fromSources ? '../dist/serving-worker.js' : './serving-worker.js';
  return { filename: fileURLToPath(new URL(file, import.meta.url)), ...(fromSources && { execArgv: [] }) };
}

import type { Taps } from '@sdq/core';
import {
  type Batch,
  concatenate,
  type EncodedExample,
  type EncoderModel,
  examplesHash,
  groupByTokens,
  modelHash,
  packBatch,
} from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { type CachePart, type CacheType, TeacherCache } from './teacher-cache.ts';
import { disposeTaps, keptTaps, lossTaps, shownTaps, type TapReader } from './teacher-signal.ts';

/** A teacher whose signal is kept in a file. */
export interface CachedTeacherOptions {
  readonly teacher: EncoderModel;
  /** The teacher's folder, whose weights the cache is of. */
  readonly folder: string;
  readonly reader: TapReader;
  readonly examples: readonly EncodedExample[];
  readonly path: string;
  readonly maxBytes: number;
  readonly type: CacheType;
  /** What the teacher runs on: another backend may round otherwise. */
  readonly backend: string;
}

/** About half of a usual training batch: large enough for full speed, and little is computed long before it is used. */
const TOKENS_PER_GROUP = 512;

/**
 * A frozen teacher that computes its signal for an example once and reads it back then. The signal is the same, to the
 * bit, at the first time and at all others: it is rounded to the cache's type when it is first shown too. Where the cache has
 * no room for an example, the teacher runs for it each time.
 *
 * Kernels may sum in another order in another packing. So the cache is filled in groups that the lengths of the examples alone
 * decide: what it holds does not depend on the method, the seed or the batch sizes of the run that filled it.
 */
export class CachedTeacher {
  private readonly groups: readonly (readonly number[])[];
  /** By example: the number of its group. */
  private readonly groupOf: Int32Array;

  private constructor(
    private readonly options: CachedTeacherOptions,
    readonly cache: TeacherCache,
    lengths: readonly number[],
  ) {
    this.groups = groupByTokens(lengths, TOKENS_PER_GROUP);
    this.groupOf = new Int32Array(lengths.length);
    for (const [number, group] of this.groups.entries()) {
      for (const example of group) this.groupOf[example] = number;
    }
  }

  /** Opens the cache, or begins it; errors as {@link TeacherCache.open}. */
  static async open(options: CachedTeacherOptions): Promise<CachedTeacher> {
    const { folder, examples, type, path, maxBytes, backend } = options;
    const content = {
      backend,
      teacher: await modelHash(folder),
      examples: examplesHash(examples),
      type,
      parts: partsOf(options),
    };
    const lengths = examples.map(({ ids }) => ids.length);
    return new CachedTeacher(options, await TeacherCache.open(path, content, lengths, maxBytes), lengths);
  }

  /** What the teacher shows for a batch of the examples. */
  signal(batch: Batch): Taps {
    const { parts } = this.cache.content;
    const found = new Map<number, readonly Float32Array[]>();
    for (const example of batch.examples) {
      const stored = this.cache.read(example);
      if (stored) found.set(example, stored);
    }
    const missing = batch.examples.filter((example) => this.cache.holds(example) && !found.has(example));
    for (const number of new Set(missing.map((example) => this.groupOf[example]!))) {
      this.compute(this.groups[number]!, missing, found);
    }
    const others = batch.examples.filter((example) => !this.cache.holds(example));
    if (others.length > 0) this.compute(others, others, found);
    const values = parts.map(({ name, width }, part) => {
      const pieces = batch.examples.map((example) => found.get(example)![part]!);
      const whole = concatenate(pieces, Float32Array);
      return [name, tf.tensor2d(whole, [whole.length / width, width])] as const;
    });
    const [[, logits], ...taps] = values as [(typeof values)[number], ...typeof values];
    return lossTaps(this.options.teacher, { logits, shown: new Map(taps) }, batch);
  }

  close(): void {
    this.cache.close();
  }

  /** Runs the teacher on examples, stores what there is room for, and adds the `wanted` to what was found. */
  private compute(
    examples: readonly number[],
    wanted: readonly number[],
    found: Map<number, readonly Float32Array[]>,
  ): void {
    const { parts } = this.cache.content;
    const batch = packBatch(this.options.examples, examples);
    const taps = keptTaps(() => shownTaps(this.options.teacher, this.options.reader, batch));
    const values = [taps.logits, ...taps.shown.values()].map((tensor) => tensor.dataSync() as Float32Array);
    for (const [i, example] of examples.entries()) {
      const slices = values.map((all, part) => {
        const { width, rows } = parts[part]!;
        const [from, to] = rows === 'tokens' ? [batch.offsets[i]!, batch.offsets[i + 1]!] : [i, i + 1];
        return all.slice(from * width, to * width);
      });
      const shown = this.cache.write(example, slices);
      if (wanted.includes(example)) found.set(example, shown);
    }
    disposeTaps(taps);
  }
}

/** What the teacher shows, from a look at one example. */
function partsOf({ teacher, reader, examples }: CachedTeacherOptions): CachePart[] {
  return tf.tidy(() => {
    const { logits, shown } = shownTaps(teacher, reader, packBatch(examples, [0]));
    const rows = teacher.head.kind === 'sequence-classification' ? 'example' : 'tokens';
    return [
      { name: 'logits', width: logits.shape[1]!, rows } as const,
      ...[...shown].map(
        ([name, x]: [string, tf.Tensor]) => ({ name, width: x.shape[1]!, rows: 'tokens' }) as const,
      ),
    ];
  });
}

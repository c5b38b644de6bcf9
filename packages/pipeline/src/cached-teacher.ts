import { join } from 'node:path';
import type { Site, Taps } from '@sdq/core';
import { sha256OfFile } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { type Batch, packBatch } from './batches.ts';
import { concatenate } from './concatenate.ts';
import type { EncodedExample } from './encoded-example.ts';
import type { EncoderModel } from './encoder-model.ts';
import { examplesHash } from './examples-hash.ts';
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
}

/**
 * A frozen teacher that computes its signal for an example once and reads it back then. The signal is the same, to the
 * bit, at the first time and at all others: it is rounded to the cache's type when it is first shown too. Where the cache has
 * no room for an example, the teacher runs for it each time.
 */
export class CachedTeacher {
  private constructor(
    private readonly options: CachedTeacherOptions,
    readonly cache: TeacherCache,
  ) {}

  /** Opens the cache, or begins it; errors as {@link TeacherCache.open}. */
  static async open(options: CachedTeacherOptions): Promise<CachedTeacher> {
    const { folder, examples, type, path, maxBytes } = options;
    const content = {
      teacher: await sha256OfFile(join(folder, 'model.safetensors')),
      examples: examplesHash(examples),
      type,
      parts: partsOf(options),
    };
    const lengths = examples.map(({ ids }) => ids.length);
    return new CachedTeacher(options, await TeacherCache.open(path, content, lengths, maxBytes));
  }

  /** What the teacher shows for a batch of the examples. */
  signal(batch: Batch): Taps {
    const { parts } = this.cache.content;
    const found = batch.examples.map((example) => this.cache.read(example));
    // In groups that do not depend on what the cache has by now: kernels may sum in another order in another packing, and a
    // run that goes on has to get the same bits.
    const [stored, others] = [true, false].map((holds) =>
      batch.examples.filter((example) => this.cache.holds(example) === holds),
    ) as [number[], number[]];
    const computed = new Map<number, readonly Float32Array[]>();
    for (const group of [stored, others]) {
      if (!batch.examples.some((example, i) => !found[i] && group.includes(example))) continue;
      for (const [example, shown] of this.compute(group)) computed.set(example, shown);
    }
    const shown = parts.map(({ name, width }, part) => {
      const pieces = batch.examples.map((example, i) => (found[i] ?? computed.get(example)!)[part]!);
      const whole = concatenate(pieces, Float32Array);
      return [name, tf.tensor2d(whole, [whole.length / width, width])] as const;
    });
    const [[, logits], ...sites] = shown as [(typeof shown)[number], ...typeof shown];
    return lossTaps(this.options.teacher, { logits, sites: new Map(sites) }, batch);
  }

  close(): void {
    this.cache.close();
  }

  /** Runs the teacher on examples, and stores what there is room for. */
  private compute(examples: readonly number[]): [number, readonly Float32Array[]][] {
    const { parts } = this.cache.content;
    const batch = packBatch(this.options.examples, examples);
    const taps = keptTaps(() => shownTaps(this.options.teacher, this.options.reader, batch));
    const values = [taps.logits, ...taps.sites.values()].map((tensor) => tensor.dataSync() as Float32Array);
    const shown = examples.map((example, i): [number, readonly Float32Array[]] => {
      const slices = values.map((all, part) => {
        const { width, rows } = parts[part]!;
        const [from, to] = rows === 'tokens' ? [batch.offsets[i]!, batch.offsets[i + 1]!] : [i, i + 1];
        return all.slice(from * width, to * width);
      });
      return [example, this.cache.write(example, slices)];
    });
    disposeTaps(taps);
    return shown;
  }
}

/** What the teacher shows, from a look at one example. */
function partsOf({ teacher, reader, examples }: CachedTeacherOptions): CachePart[] {
  return tf.tidy(() => {
    const { logits, sites } = shownTaps(teacher, reader, packBatch(examples, [0]));
    const rows = teacher.head.kind === 'sequence-classification' ? 'example' : 'tokens';
    return [
      { name: 'logits', width: logits.shape[1]!, rows } as const,
      ...[...sites].map(
        ([name, x]: [Site, tf.Tensor]) => ({ name, width: x.shape[1]!, rows: 'tokens' }) as const,
      ),
    ];
  });
}

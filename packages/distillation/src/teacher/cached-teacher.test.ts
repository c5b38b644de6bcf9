import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random, type Taps } from '@sdq/core';
import { useSdqCpu } from '@sdq/kernels-cpu';
import {
  type EncodedExample,
  type EncoderModel,
  groupByTokens,
  type Head,
  type HeadKind,
  packBatch,
} from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel, writeTinyModel } from '../../../pipeline/test/tiny-task.ts';
import { attentionOutputKl } from '../index.ts';
import { CachedTeacher } from './cached-teacher.ts';
import type { CacheType } from './teacher-cache.ts';
import { disposeTaps, keptTaps, teacherSignal } from './teacher-signal.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-cached-teacher-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const examples: EncodedExample[] = Array.from({ length: 8 }, (_, i) => ({
  ids: Int32Array.from({ length: 3 + ((5 * i) % 11) }, (_, j) => (7 * i + 3 * j) % 20),
  labels: Int32Array.of(0),
}));
/** Several groups of the cache. */
const many: EncodedExample[] = Array.from({ length: 120 }, (_, i) => ({
  ids: Int32Array.from({ length: 3 + ((5 * i) % 19) }, (_, j) => (7 * i + 3 * j) % 20),
  labels: Int32Array.of(0),
}));
const reader = attentionOutputKl();

async function load(kind: HeadKind): Promise<{ teacher: EncoderModel; folder: string }> {
  const folder = join(root, kind);
  const labels = kind === 'question-answering' ? ['start', 'end'] : ['NOUN', 'VERB', 'DET'];
  const head: Head = { kind, labels };
  return { teacher: await tinyModel(folder, 64, head), folder };
}

function values({ logits, shown }: Taps): Float32Array[] {
  return [logits, ...shown.values()].map((tensor) => tensor.dataSync() as Float32Array);
}

describe.each(['cpu', 'sdq-cpu'])('on %s', (backend) => {
  beforeAll(async () => {
    if (backend === 'sdq-cpu') await useSdqCpu();
    else await tf.setBackend('cpu');
  });

  describe.each<HeadKind>(['sequence-classification', 'token-classification', 'question-answering'])(
    '%s: the signal from the cache',
    (kind) => {
      it.each<CacheType>(['fp32', 'fp16'])('equals the live one in any packing: %s', async (type) => {
        const { teacher, folder } = await load(kind);
        const path = join(root, `${backend}-${kind}-${type}`);
        const cached = await CachedTeacher.open({
          teacher,
          folder,
          reader,
          examples,
          path,
          maxBytes: 1e6,
          type,
          backend,
        });
        // Filled by two batches, then packed otherwise, partly from the cache, then wholly.
        for (const chosen of [[0, 1, 2], [5], [2, 3, 5, 0], [4, 1, 7, 6], [7, 6, 5, 4, 3, 2, 1, 0]]) {
          const batch = packBatch(examples, chosen);
          const live = keptTaps(() => teacherSignal(teacher, reader, batch));
          const found = keptTaps(() => cached.signal(batch));
          expect([...found.shown.keys()]).toEqual([...live.shown.keys()]);
          expect(found.logits.shape).toEqual(live.logits.shape);
          for (const [i, part] of values(found).entries()) {
            const exact = values(live)[i]!;
            // sdq-cpu multiplies few rows in another order than many.
            if (type === 'fp32' && backend === 'cpu') expect(part).toEqual(exact);
            else {
              for (const [j, value] of part.entries()) {
                expect(Math.abs(value - exact[j]!)).toBeLessThanOrEqual(
                  2 ** -11 * Math.abs(exact[j]!) + 2 ** -25,
                );
              }
            }
          }
          const again = keptTaps(() => cached.signal(batch));
          expect(values(again)).toEqual(values(found));
          for (const taps of [live, found, again]) disposeTaps(taps);
        }
        cached.close();
      });
    },
  );

  it('holds the same bytes, whatever batches filled it, and runs the teacher once a group', async () => {
    const { teacher, folder } = await load('token-classification');
    let passes = 0;
    const filled = async (name: string, batches: readonly (readonly number[])[]) => {
      const path = join(root, `${backend}-filled-${name}`);
      const cached = await CachedTeacher.open({
        teacher,
        folder,
        reader: {
          taps: (point, model) => {
            if (point.layer === undefined) passes += 1;
            return reader.taps(point, model);
          },
        },
        examples: many,
        path,
        maxBytes: 1e7,
        type: 'fp32',
        backend,
      });
      passes = 0;
      for (const chosen of batches) disposeTaps(keptTaps(() => cached.signal(packBatch(many, chosen))));
      cached.close();
      return { bytes: readFileSync(path), passes };
    };
    const all = [...many.keys()];
    const lengths = many.map(({ ids }) => ids.length);
    const one = await filled(
      'one by one',
      all.map((i) => [i]),
    );
    const batches = await filled('by seed 1', groupByTokens(lengths, 100, new Random(1)));
    const others = await filled('by seed 2', groupByTokens(lengths, 300, new Random(2)));
    expect(batches.bytes.equals(one.bytes)).toBe(true);
    expect(others.bytes.equals(one.bytes)).toBe(true);
    const groups = groupByTokens(lengths, 512).length;
    expect([one, batches, others].map(({ passes }) => passes)).toEqual([groups, groups, groups]);
  });

  it('keeps the count of tensors, and runs the teacher for what there is no room for', async () => {
    const { teacher, folder } = await load('token-classification');
    const path = join(root, `${backend}-bounded`);
    const common = { teacher, folder, reader, examples, path, type: 'fp32', backend } as const;
    const cached = await CachedTeacher.open({ ...common, maxBytes: 4096 + 4000 });
    expect(cached.cache.capacity).toBeGreaterThan(0);
    expect(cached.cache.capacity).toBeLessThan(1);
    const batch = packBatch(examples, [...examples.keys()]);
    const live = keptTaps(() => teacherSignal(teacher, reader, batch));
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      const found = keptTaps(() => cached.signal(batch));
      for (const [part, shown] of values(found).entries()) {
        for (const [j, value] of shown.entries()) {
          expect(Math.abs(value - values(live)[part]![j]!)).toBeLessThanOrEqual(1e-5);
        }
      }
      disposeTaps(found);
    }
    expect(tf.memory().numTensors).toBe(before);
    disposeTaps(live);
    cached.close();
  });
});

it('is begun anew for a teacher with other weights', async () => {
  await tf.setBackend('cpu');
  const { teacher, folder } = await load('token-classification');
  const common = {
    teacher,
    reader,
    examples,
    path: join(root, 'other'),
    maxBytes: 1e6,
    type: 'fp32',
    backend: 'cpu',
  } as const;
  const first = await CachedTeacher.open({ ...common, folder });
  expect(first.cache.replaced).toBe(false);
  first.close();
  const other = join(root, 'other-teacher');
  cpSync(folder, other, { recursive: true });
  await writeTinyModel(other, 32, teacher.head);
  const second = await CachedTeacher.open({ ...common, folder: other });
  expect(second.cache.replaced).toBe(true);
  second.close();
});

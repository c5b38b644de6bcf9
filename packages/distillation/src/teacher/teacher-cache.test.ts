import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import { afterAll, describe, expect, it } from 'vitest';
import { type CacheContent, type CacheType, TeacherCache } from './teacher-cache.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-teacher-cache-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const lengths = [3, 5, 1, 4];
const content = (type: CacheType, more: Partial<CacheContent> = {}): CacheContent => ({
  teacher: 'a',
  examples: 'b',
  backend: 'cpu',
  type,
  parts: [
    { name: 'logits', width: 3, rows: 'example' },
    { name: 'attention.0', width: 2, rows: 'tokens' },
  ],
  ...more,
});
const LARGE = 1e6;

/** Multiples of 1/8, which both types hold exactly. */
function signal(example: number): Float32Array[] {
  const random = new Random(example);
  const draw = (count: number) => Float32Array.from({ length: count }, () => random.below(64) / 8 - 4);
  return [draw(3), draw(2 * lengths[example]!)];
}

const open = (name: string, made = content('fp16'), maxBytes = LARGE) =>
  TeacherCache.open(join(root, name), made, lengths, maxBytes);

describe.each(['fp16', 'fp32'] as const)('a cache of %s', (type) => {
  it('gives back what was stored, also when it is opened again, and nothing else', async () => {
    const cache = await open(type, content(type));
    expect(cache.replaced).toBe(false);
    for (const example of [2, 0]) expect(cache.write(example, signal(example))).toEqual(signal(example));
    cache.close();
    const again = await open(type, content(type));
    expect(again.replaced).toBe(false);
    expect(lengths.map((_, example) => again.read(example))).toEqual([
      signal(0),
      undefined,
      signal(2),
      undefined,
    ]);
    again.close();
  });

  it('rounds at the first time as at all others', async () => {
    const cache = await open(`${type} rounds`, content(type));
    const values = signal(1).map((part) => part.map((value) => value + 1e-5));
    const first = cache.write(1, values);
    expect(cache.read(1)).toEqual(first);
    if (type === 'fp32') expect(first).toEqual(values);
    else expect(first).not.toEqual(values);
    for (const [part, rounded] of first.entries()) {
      for (const [i, value] of rounded.entries()) {
        expect(Math.abs(value - values[part]![i]!)).toBeLessThanOrEqual(2 ** -11 * Math.abs(value));
      }
    }
    cache.close();
  });
});

it('takes a damaged or cut record as absent, whichever byte it is', async () => {
  const path = join(root, 'damaged');
  const cache = await open('damaged');
  for (const example of lengths.keys()) cache.write(example, signal(example));
  cache.close();
  const whole = readFileSync(path);
  const record = whole.lastIndexOf(Buffer.from([4, 0, 0, 0])) - 4;
  for (let byte = record; byte < whole.length - 8; byte++) {
    const bytes = Buffer.from(whole);
    bytes[byte]! ^= 0x10;
    writeFileSync(path, bytes);
    const damaged = await open('damaged');
    expect(damaged.read(3), `byte ${byte - record}`).toBeUndefined();
    expect(damaged.read(2)).toEqual(signal(2));
    damaged.write(3, signal(3));
    expect(damaged.read(3)).toEqual(signal(3));
    damaged.close();
  }
  writeFileSync(path, whole.subarray(0, whole.length - 1));
  const cut = await open('damaged');
  expect([cut.read(3), cut.read(0)]).toEqual([undefined, signal(0)]);
  cut.close();
});

it('a record in the place of another is invalid', async () => {
  const path = join(root, 'moved');
  const same = [3, 3, 3, 3];
  const cache = await TeacherCache.open(path, content('fp32'), same, LARGE);
  cache.write(0, signal(0));
  cache.write(1, signal(0));
  cache.close();
  const bytes = readFileSync(path);
  const size = (bytes.length - 4096) / 2;
  writeFileSync(path, Buffer.concat([bytes.subarray(0, 4096 + size), bytes.subarray(4096, 4096 + size)]));
  const again = await TeacherCache.open(path, content('fp32'), same, LARGE);
  expect([again.read(0), again.read(1)]).toEqual([signal(0), undefined]);
  again.close();
});

it('never grows beyond its bound, and tells what there is room for', async () => {
  const all = await open('all');
  for (const example of lengths.keys()) all.write(example, signal(example));
  all.close();
  const size = statSync(join(root, 'all')).size;
  const cache = await open('bounded', content('fp16'), size - 1);
  expect(cache.capacity).toBe(0.75);
  for (const example of lengths.keys()) cache.write(example, signal(example));
  expect(lengths.map((_, example) => cache.read(example) !== undefined)).toEqual([true, true, true, false]);
  cache.close();
  expect(statSync(join(root, 'bounded')).size).toBeLessThan(size);
  // Another bound is the same cache.
  const wider = await open('bounded', content('fp16'), size);
  expect([wider.replaced, wider.capacity]).toEqual([false, 1]);
  expect(wider.read(0)).toEqual(signal(0));
  wider.close();
});

it.each([
  ['another teacher', { teacher: 'c' }],
  ['other data or another tokenizer', { examples: 'c' }],
  ['another type', { type: 'fp32' }],
  ['other taps', { parts: content('fp16').parts.slice(0, 1) }],
] as const)('is begun anew for %s', async (name, more) => {
  const cache = await open(name);
  cache.write(0, signal(0));
  cache.close();
  const other = await open(name, content('fp16', more));
  expect(other.replaced).toBe(true);
  expect(other.read(0)).toBeUndefined();
  other.close();
});

it('is begun anew over an invalid file, and refuses a signal of another shape', async () => {
  writeFileSync(join(root, 'none'), 'no cache');
  const cache = await open('none');
  expect(cache.replaced).toBe(true);
  expect(() => cache.write(0, [new Float32Array(3)])).toThrow('in another shape');
  expect(() => cache.write(1, signal(0))).toThrow('in another shape');
  cache.close();
});

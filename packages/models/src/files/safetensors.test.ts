import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import { corruptions } from '../../test/corrupt.ts';
import { namesIn, runChild } from '../../test/run-child.ts';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { readSafetensorsHeader, SafetensorsFile, writeSafetensors } from './safetensors.ts';

const folder = temporaryFolder();
const target = () => join(folder.path, 'model.safetensors');

describe('writeSafetensors', () => {
  it('writes what is read back, of every type', async () => {
    const floats = Float32Array.of(1.5, -0, Number.NaN, 3e38);
    await writeSafetensors(
      target(),
      new Map([
        ['floats', { shape: [2, 2], data: floats }],
        ['bytes', { shape: [3], data: Int8Array.of(-128, 0, 127) }],
        ['unsigned', { shape: [1], data: Uint8Array.of(255) }],
        ['words', { shape: [1, 1], data: Int32Array.of(-5) }],
        ['nothing', { shape: [0, 7], data: new Float32Array(0) }],
        // A view into a larger buffer: only its own elements are written.
        ['view', { shape: [2], data: floats.subarray(1, 3) }],
      ]),
      { format: 'pt' },
    );
    const file = await SafetensorsFile.open(target());
    expect(file.header.metadata).toEqual(new Map([['format', 'pt']]));
    expect([...file.header.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['floats', 'F32', [2, 2]],
      ['bytes', 'I8', [3]],
      ['unsigned', 'U8', [1]],
      ['words', 'I32', [1, 1]],
      ['nothing', 'F32', [0, 7]],
      ['view', 'F32', [2]],
    ]);
    expect(await file.readFloats('floats')).toEqual(floats);
    expect(await file.readFloats('view')).toEqual(floats.slice(1, 3));
    expect(await file.readInt8('bytes')).toEqual(Int8Array.of(-128, 0, 127));
    await expect(file.readFloats('bytes')).rejects.toThrow('"bytes" has the type I8, expected F32');
    await expect(file.readFloats('none')).rejects.toMatchObject({ code: 'missing-tensor' });
    await file.close();
  });

  it('refuses a shape that does not fit, before it writes', async () => {
    const wrong = new Map([['x', { shape: [3], data: new Float32Array(2) }]]);
    await expect(writeSafetensors(target(), wrong)).rejects.toMatchObject({ code: 'bad-shape' });
    expect(await namesIn(folder.path)).toEqual([]);
  });

  it('leaves the old file or the new one, whole, when the process is killed while it saves', async () => {
    const elements = 2_000_000;
    const script = `
      import { writeSafetensors } from './safetensors.js';
      for (let round = 1; ; round++) {
        const data = new Float32Array(${elements}).fill(round);
        await writeSafetensors(${JSON.stringify(target())}, new Map([['x', { shape: [${elements}], data }]]));
        console.log(round);
      }`;
    for (let trial = 0; trial < 4; trial++) {
      const child = await runChild(folder.path, script);
      const ended = new Promise((resolve) => child.on('close', resolve));
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      // Somewhere in the writes that follow, elsewhere each time.
      await new Promise((resolve) => setTimeout(resolve, 5 + 7 * trial));
      child.kill('SIGKILL');
      await ended;
      const file = await SafetensorsFile.open(target());
      const values = await file.readFloats('x');
      await file.close();
      expect(values.every((value) => value === values[0])).toBe(true);
    }
  });
});

describe('readSafetensorsHeader', () => {
  const entry = (dtype: unknown, shape: unknown, offsets: unknown) => ({
    dtype,
    shape,
    data_offsets: offsets,
  });
  const f32 = entry('F32', [2], [0, 8]);

  it.each([
    ['no header length', Buffer.from([1, 2, 3]), 'too few for a header'],
    ['a header beyond the file', file('{}', 0, 500), 'cut off at'],
    ['a header beyond any bound', file('{}', 0, 2 ** 40), 'longer than the 16777216 allowed'],
    ['a header that is no JSON', file('{"a":'), 'header is not JSON'],
    ['a header that is no UTF-8', file(Buffer.from([0x7b, 0xff, 0x7d])), 'header is not JSON'],
    ['a list for a header', file('[]'), 'not an object'],
    ['an entry that is no object', file({ x: 3 }), '"x" is not an object'],
    ['an unknown type', file({ x: entry('F5', [2], [0, 8]) }, 8), 'unknown type F5'],
    ['a type named like a method', file({ x: entry('toString', [2], [0, 8]) }, 8), 'unknown type toString'],
    ['a negative length', file({ x: entry('F32', [-2, -1], [0, 8]) }, 8), 'shape that is not usable'],
    ['a fractional length', file({ x: entry('F32', [0.5, 4], [0, 8]) }, 8), 'shape that is not usable'],
    ['more axes than any tensor has', file({ x: entry('F32', Array(9).fill(1), [0, 4]) }, 4), 'not usable'],
    ['a size beyond all numbers', file({ x: entry('F32', [2 ** 40, 2 ** 40], [0, 8]) }, 8), 'needs'],
    ['offsets that fall', file({ x: entry('F32', [2], [8, 0]) }, 8), 'outside the file'],
    ['offsets beyond the file', file({ x: entry('F32', [4], [0, 16]) }, 8), 'outside the file'],
    [
      'a shape that needs other bytes',
      file({ x: entry('F32', [3], [0, 8]) }, 8),
      'needs 12 bytes, but has 8',
    ],
    ['tensors that overlap', file({ x: f32, y: entry('F32', [2], [4, 12]) }, 12), '"y" overlaps'],
    ['a gap', file({ x: f32, y: entry('F32', [1], [12, 16]) }, 16), '"y" follows a gap'],
    ['bytes of no tensor', file({ x: f32 }, 9), '1 bytes at its end'],
  ])('refuses %s', async (_, bytes, message) => {
    await writeFile(target(), bytes);
    const read = readSafetensorsHeader(target());
    await expect(read).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringContaining(message),
    });
    await expect(read).rejects.toThrow(target());
  });

  it('refuses a file that is not there', async () => {
    await expect(readSafetensorsHeader(target())).rejects.toMatchObject({ code: 'path-not-found' });
  });

  it('reads or refuses any corrupted header, without a crash or a large allocation', async () => {
    const whole = await readFile(
      new URL('../../test/oracles/bert-base-sharded/model-00001-of-00006.safetensors', import.meta.url),
    );
    const headerBytes = 8 + Number(whole.readBigUInt64LE());
    let refused = 0;
    for (const bytes of corruptions(whole, headerBytes, 400)) {
      await writeFile(target(), bytes);
      try {
        const opened = await SafetensorsFile.open(target());
        try {
          for (const name of opened.header.tensors.keys()) await opened.readFloats(name);
        } finally {
          await opened.close();
        }
      } catch (error) {
        expect(error).toBeInstanceOf(SdqError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(200);
  });

  it('notices a file that is cut off after its header was read', async () => {
    await writeSafetensors(target(), new Map([['x', { shape: [1000], data: new Float32Array(1000) }]]));
    const opened = await SafetensorsFile.open(target());
    const { size } = await stat(target());
    const handle = await open(target(), 'r+');
    await handle.truncate(size - 1);
    await handle.close();
    await expect(opened.readFloats('x')).rejects.toThrow(`ends at byte ${size - 1}`);
    await opened.close();
  });
});

/** A file of a header and `dataBytes` zeros; `claimed` is the header length it states. */
function file(header: string | Buffer | object, dataBytes = 0, claimed?: number): Buffer {
  const json = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(claimed ?? json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

import { closeSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { SdqError } from '@sdq/core';
import { narrowToHalfFloats, widenHalfFloats, writeFileAtomically } from '@sdq/models';

/** How numbers are stored in a {@link TeacherCache}. */
export type CacheType = 'fp16' | 'fp32';

/** What a cache holds: all of it has to agree for its records to be used. */
export interface CacheContent {
  /** SHA-256 of the teacher's weights, and of the tokenized examples. */
  readonly teacher: string;
  readonly examples: string;
  /** What the teacher ran on. */
  readonly backend: string;
  readonly type: CacheType;
  /** What of each example is kept, as rows of so many numbers: the logits first, then the taps. */
  readonly parts: readonly CachePart[];
}

/** One tensor of a teacher's signal. */
export interface CachePart {
  readonly name: string;
  /** Numbers a row. */
  readonly width: number;
  /** Whether there is a row a token, or one an example. */
  readonly rows: 'tokens' | 'example';
}

/** 2: filled in groups that do not depend on the run that filled it. */
const FORMAT = 2;
/** The file begins with the content as JSON, padded with spaces to a multiple of this. */
const PAGE_BYTES = 4096;
const MAX_HEADER_BYTES = 2 ** 20;
/** A record begins with its checksum and the number of its example, counted from 1: zeros are no record. */
const RECORD_HEADER_BYTES = 8;

/**
 * What a teacher shows for each example, in a file: filled while training first needs it, read back later.
 *
 * The place of each record is fixed by the lengths of the examples before it, so there is no index to lose; each record has
 * a checksum over its example's number and its content, so that one which a crash cut off is as good as absent. Examples
 * whose records would lie beyond the bound are never stored. Read and written at positions (pread and pwrite): Node's
 * standard library has no memory mapping.
 */
export class TeacherCache {
  private readonly starts: readonly number[];

  private constructor(
    readonly path: string,
    readonly content: CacheContent,
    /** Whether there was a file of other content, which was replaced. */
    readonly replaced: boolean,
    private readonly lengths: readonly number[],
    private readonly maxBytes: number,
    private readonly file: number,
    headerBytes: number,
  ) {
    let at = headerBytes;
    this.starts = lengths.map((_, example) => {
      const start = at;
      at += this.recordBytes(example);
      return start;
    });
  }

  /**
   * Opens a cache, or begins one.
   *
   * @param lengths - tokens of each example
   * @param maxBytes - how long the file may get
   * @throws SdqError `io-failed`
   */
  static async open(
    path: string,
    content: CacheContent,
    lengths: readonly number[],
    maxBytes: number,
  ): Promise<TeacherCache> {
    const header = headerOf(content);
    const found = readHeader(path);
    const same = isDeepStrictEqual(found, JSON.parse(header.toString()));
    try {
      if (!same) {
        mkdirSync(dirname(path), { recursive: true });
        await writeFileAtomically(path, header);
      }
      const replaced = found !== undefined && !same;
      const file = openSync(path, 'r+');
      return new TeacherCache(path, content, replaced, lengths, maxBytes, file, header.length);
    } catch (cause) {
      if (cause instanceof SdqError) throw cause;
      const reason = (cause as Error).message;
      throw new SdqError('io-failed', `The teacher cache ${path} cannot be opened: ${reason}.`, { cause });
    }
  }

  /** Whether there is room for an example. */
  holds(example: number): boolean {
    return this.starts[example]! + this.recordBytes(example) <= this.maxBytes;
  }

  /** The share of the examples that there is room for, in [0, 1]. */
  get capacity(): number {
    return this.lengths.filter((_, example) => this.holds(example)).length / this.lengths.length;
  }

  /** The parts of an example, each [rows * width], or undefined where they are not stored, or damaged. */
  read(example: number): Float32Array[] | undefined {
    if (!this.holds(example)) return undefined;
    const record = Buffer.alloc(this.recordBytes(example));
    let done = 0;
    while (done < record.length) {
      const count = readSync(this.file, record, done, record.length - done, this.starts[example]! + done);
      if (count === 0) return undefined;
      done += count;
    }
    if (record.readUInt32LE(4) !== example + 1) return undefined;
    if (record.readUInt32LE(0) !== crc32(record.subarray(4))) return undefined;
    let at = RECORD_HEADER_BYTES;
    return this.sizes(example).map((size) => {
      const values = this.decode(record, at, size);
      at += size * this.bytesPerNumber;
      return values;
    });
  }

  /**
   * Stores an example, if there is room for it.
   *
   * @param parts - each [rows * width]
   * @returns the parts as {@link read} will give them, rounded to the type of the file
   * @throws SdqError `io-failed`, `bad-shape`
   */
  write(example: number, parts: readonly Float32Array[]): readonly Float32Array[] {
    const sizes = this.sizes(example);
    if (parts.length !== sizes.length || parts.some(({ length }, i) => length !== sizes[i])) {
      throw new SdqError(
        'bad-shape',
        `The teacher shows example ${example} in another shape than the cache.`,
      );
    }
    if (!this.holds(example)) return parts;
    const record = Buffer.alloc(this.recordBytes(example));
    record.writeUInt32LE(example + 1, 4);
    let at = RECORD_HEADER_BYTES;
    const rounded = parts.map((values) => {
      this.encode(values, record, at);
      const back = this.decode(record, at, values.length);
      at += values.length * this.bytesPerNumber;
      return back;
    });
    record.writeUInt32LE(crc32(record.subarray(4)), 0);
    try {
      let done = 0;
      while (done < record.length) {
        done += writeSync(this.file, record, done, record.length - done, this.starts[example]! + done);
      }
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new SdqError('io-failed', `The teacher cache ${this.path} cannot be written: ${reason}.`, {
        cause,
      });
    }
    return rounded;
  }

  close(): void {
    closeSync(this.file);
  }

  private get bytesPerNumber(): number {
    return this.content.type === 'fp16' ? 2 : 4;
  }

  private sizes(example: number): number[] {
    return this.content.parts.map(
      ({ width, rows }) => width * (rows === 'tokens' ? this.lengths[example]! : 1),
    );
  }

  private recordBytes(example: number): number {
    const numbers = this.sizes(example).reduce((sum, size) => sum + size, 0);
    // Whole words, so that every record begins where typed arrays can.
    return RECORD_HEADER_BYTES + Math.ceil((numbers * this.bytesPerNumber) / 8) * 8;
  }

  private encode(values: Float32Array, record: Buffer, at: number): void {
    if (this.content.type === 'fp16') {
      narrowToHalfFloats(values, new Uint16Array(record.buffer, record.byteOffset + at, values.length));
    } else new Float32Array(record.buffer, record.byteOffset + at, values.length).set(values);
  }

  private decode(record: Buffer, at: number, size: number): Float32Array {
    if (this.content.type === 'fp32') return new Float32Array(record.buffer, record.byteOffset + at, size);
    const values = new Float32Array(size);
    widenHalfFloats(new Uint16Array(record.buffer, record.byteOffset + at, size), values, 0);
    return values;
  }
}

function headerOf(content: CacheContent): Buffer {
  const json = Buffer.from(JSON.stringify({ format: FORMAT, ...content }));
  const header = Buffer.alloc(Math.ceil((json.length + 1) / PAGE_BYTES) * PAGE_BYTES, ' ');
  json.copy(header);
  header.write('\n', header.length - 1);
  return header;
}

/** The content that a file begins with; null where it is no cache, undefined where there is no file. */
function readHeader(path: string): unknown {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const start = Buffer.alloc(MAX_HEADER_BYTES);
    const count = readSync(file, start, 0, start.length, 0);
    return JSON.parse(start.subarray(0, start.subarray(0, count).indexOf('\n')).toString());
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}

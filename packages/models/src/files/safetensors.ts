import { type FileHandle, open } from 'node:fs/promises';
import { SdqError } from '@sdq/core';
import { sizeOf } from '../host-tensor.ts';
import { writeAtomically } from './atomic-file.ts';
import { widenBrainFloats, widenHalfFloats } from './half-float.ts';
import { readFully } from './read-fully.ts';

// A checkpoint of XLM-R XXL has 800 tensors and a header of 100 kB. The bounds leave room, and keep a corrupt
// length from making us allocate without end.
const MAX_HEADER_BYTES = 16 * 2 ** 20;
const MAX_TENSORS = 65_536;
const MAX_DIMENSIONS = 8;
const MAX_METADATA_ENTRIES = 4096;

const LENGTH_BYTES = 8;
/** Tensors are read and converted this many bytes at a time, so that a 16-bit file needs little beside its result. */
const CHUNK_BYTES = 4 * 2 ** 20;

/** The element types that are read and written here. */
type SafetensorsType = 'F32' | 'F16' | 'BF16' | 'I8' | 'U8' | 'I32' | 'I64';

const bytesPerElement: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
};

/** Where a tensor lies in a safetensors file, and what it is. */
export interface SafetensorsEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The first byte, counted from the file's start. */
  readonly offset: number;
  readonly bytes: number;
}

/** The header of a safetensors file. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A tensor to write. */
export type SafetensorsValue =
  | { readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly shape: readonly number[]; readonly data: Int8Array }
  | { readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly shape: readonly number[]; readonly data: BigInt64Array };

/**
 * Reads and checks the header of a safetensors file: its length, every tensor's offsets (inside the file, without
 * overlap or gap), and that shape and type give the tensor's bytes.
 *
 * Format: the safetensors README (Hugging Face, 2022): u64 header length, JSON header, data.
 *
 * @throws SdqError 'path-not-found' when there is no such file, 'bad-checkpoint' when it is not a sound file
 *
 * @example
 * ```ts
 * import { readSafetensorsHeader } from '@sdq/models';
 *
 * const names = async (path: string) => [...(await readSafetensorsHeader(path)).tensors.keys()];
 * ```
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const file = await SafetensorsFile.open(path);
  await file.close();
  return file.header;
}

/** An open safetensors file, whose tensors are read one by one. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    readonly header: SafetensorsHeader,
    private readonly file: FileHandle,
  ) {}

  /** Opens a file and reads its header; errors as {@link readSafetensorsHeader}. */
  static async open(path: string): Promise<SafetensorsFile> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      throw new SdqError('path-not-found', `Cannot open the checkpoint file ${path}.`, { cause: error });
    }
    try {
      return new SafetensorsFile(path, await readHeader(file, path), file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /**
   * A tensor of type F32, F16 or BF16 as float32.
   *
   * @throws SdqError 'missing-tensor', or 'bad-checkpoint' when it has another type or the file changed under us
   */
  async readFloats(name: string): Promise<Float32Array> {
    const entry = this.entry(name);
    const floats = new Float32Array(sizeOf(entry.shape));
    if (entry.dtype === 'F32') {
      await readFully(this.file, bytesOf(floats), entry.offset, this.path);
      return floats;
    }
    const widen = { F16: widenHalfFloats, BF16: widenBrainFloats }[entry.dtype];
    if (widen === undefined) throw this.wrongType(name, entry, 'F32, F16 or BF16');
    const chunk = new Uint16Array(Math.min(floats.length, CHUNK_BYTES / 2));
    for (let start = 0; start < floats.length; start += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, floats.length - start));
      await readFully(this.file, bytesOf(part), entry.offset + 2 * start, this.path);
      widen(part, floats, start);
    }
    return floats;
  }

  /** A tensor of type I8, as it is; errors as {@link readFloats}. */
  async readInt8(name: string): Promise<Int8Array> {
    const entry = this.entry(name);
    if (entry.dtype !== 'I8') throw this.wrongType(name, entry, 'I8');
    const values = new Int8Array(sizeOf(entry.shape));
    await readFully(this.file, bytesOf(values), entry.offset, this.path);
    return values;
  }

  /** A tensor of type U8, as it is; errors as {@link readFloats}. */
  async readUint8(name: string): Promise<Uint8Array> {
    const entry = this.entry(name);
    if (entry.dtype !== 'U8') throw this.wrongType(name, entry, 'U8');
    const values = new Uint8Array(sizeOf(entry.shape));
    await readFully(this.file, values, entry.offset, this.path);
    return values;
  }

  /** A tensor of type I32, as it is; errors as {@link readFloats}. */
  async readInt32(name: string): Promise<Int32Array> {
    const entry = this.entry(name);
    if (entry.dtype !== 'I32') throw this.wrongType(name, entry, 'I32');
    const values = new Int32Array(sizeOf(entry.shape));
    await readFully(this.file, bytesOf(values), entry.offset, this.path);
    return values;
  }

  private entry(name: string): SafetensorsEntry {
    const entry = this.header.tensors.get(name);
    if (entry === undefined) throw new SdqError('missing-tensor', `${this.path} has no tensor "${name}".`);
    return entry;
  }

  private wrongType(name: string, entry: SafetensorsEntry, wanted: string): SdqError {
    return new SdqError(
      'bad-checkpoint',
      `${this.path}: tensor "${name}" has the type ${entry.dtype}, expected ${wanted}.`,
    );
  }
}

/**
 * Writes a safetensors file atomically, its tensors in the order given.
 *
 * @param metadata - strings for the header; the Hugging Face library wants `{ format: 'pt' }`
 * @throws SdqError 'bad-shape' when a shape does not fit its data, 'io-failed' when the file could not be written
 *
 * @example
 * ```ts
 * import { writeSafetensors } from '@sdq/models';
 *
 * const save = (path: string) =>
 *   writeSafetensors(path, new Map([['bias', { shape: [2], data: Float32Array.of(0, 1) }]]), { format: 'pt' });
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, SafetensorsValue>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (sizeOf(shape) !== data.length) {
      throw new SdqError(
        'bad-shape',
        `"${name}" has ${data.length} elements, its shape [${shape}] says another number.`,
      );
    }
    header[name] = { dtype: typeOf(data), shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Padded with spaces, so that every tensor after it is aligned.
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));

  await writeAtomically(path, async (file) => {
    await file.writeFile(length);
    await file.writeFile(padded);
    for (const { data } of tensors.values()) await file.writeFile(bytesOf(data));
  });
}

function typeOf(data: SafetensorsValue['data']): SafetensorsType {
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof Int8Array) return 'I8';
  if (data instanceof BigInt64Array) return 'I64';
  return data instanceof Uint8Array ? 'U8' : 'I32';
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function readHeader(file: FileHandle, path: string): Promise<SafetensorsHeader> {
  const { size } = await file.stat();
  if (size < LENGTH_BYTES) throw bad(path, `it has ${size} bytes, too few for a header`);
  const lengthBytes = new Uint8Array(LENGTH_BYTES);
  await readFully(file, lengthBytes, 0, path);
  const length = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw bad(path, `its header of ${length} bytes is longer than the ${MAX_HEADER_BYTES} allowed`);
  }
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > size) throw bad(path, `its header of ${length} bytes is cut off at ${size} bytes`);
  const text = new Uint8Array(Number(length));
  await readFully(file, text, LENGTH_BYTES, path);
  return parseHeader(parseJson(text, path), dataStart, size, path);
}

function parseJson(text: Uint8Array, path: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (error) {
    throw new SdqError('bad-checkpoint', `${path}: its header is not JSON.`, { cause: error });
  }
  if (!isRecord(json)) throw bad(path, 'its header is not an object');
  return json;
}

function parseHeader(
  json: Readonly<Record<string, unknown>>,
  dataStart: number,
  size: number,
  path: string,
): SafetensorsHeader {
  const tensors = new Map<string, SafetensorsEntry>();
  const metadata = new Map<string, string>();
  const entries = Object.entries(json);
  if (entries.length > MAX_TENSORS)
    throw bad(path, `it names ${entries.length} tensors, at most ${MAX_TENSORS} are allowed`);
  for (const [name, value] of entries) {
    if (name !== '__metadata__') {
      tensors.set(name, parseEntry(name, value, dataStart, size, path));
      continue;
    }
    const pairs = isRecord(value) ? Object.entries(value) : [];
    if (pairs.length > MAX_METADATA_ENTRIES) throw bad(path, 'its metadata is too long');
    for (const [key, text] of pairs) if (typeof text === 'string') metadata.set(key, text);
  }
  checkCovered(tensors, dataStart, size, path);
  return { tensors, metadata };
}

function parseEntry(
  name: string,
  value: unknown,
  dataStart: number,
  size: number,
  path: string,
): SafetensorsEntry {
  const about = `tensor "${shorten(name)}"`;
  if (!isRecord(value)) throw bad(path, `${about} is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const width =
    typeof dtype === 'string' && Object.hasOwn(bytesPerElement, dtype) ? bytesPerElement[dtype] : undefined;
  if (typeof dtype !== 'string' || width === undefined) {
    throw bad(path, `${about} has an unknown type ${shorten(String(dtype))}`);
  }
  if (!isCounts(shape) || shape.length > MAX_DIMENSIONS)
    throw bad(path, `${about} has a shape that is not usable`);
  if (!isCounts(offsets) || offsets.length !== 2) throw bad(path, `${about} has offsets that are not usable`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || dataStart + end > size) {
    throw bad(
      path,
      `${about} lies at ${begin} to ${end}, outside the file's ${size - dataStart} bytes of data`,
    );
  }
  const expected = sizeOf(shape) * width;
  if (expected !== end - begin) {
    throw bad(
      path,
      `${about} of shape [${shape}] and type ${dtype} needs ${expected} bytes, but has ${end - begin}`,
    );
  }
  return { dtype, shape, offset: dataStart + begin, bytes: end - begin };
}

/** The format allows neither overlap nor gaps, so the tensors in order of offset must tile the data. */
function checkCovered(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
  size: number,
  path: string,
): void {
  const ordered = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  let at = dataStart;
  for (const [name, entry] of ordered) {
    if (entry.offset !== at) {
      throw bad(
        path,
        `tensor "${shorten(name)}" ${entry.offset < at ? 'overlaps the one before it' : 'follows a gap'}`,
      );
    }
    at += entry.bytes;
  }
  if (at !== size) throw bad(path, `${size - at} bytes at its end belong to no tensor`);
}

function bad(path: string, problem: string): SdqError {
  return new SdqError('bad-checkpoint', `${path} is not a sound safetensors file: ${problem}.`);
}

/** A name from a file that may be corrupt, fit for an error message. */
function shorten(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}...` : name;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

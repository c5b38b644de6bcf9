import { type FileHandle, open } from 'node:fs/promises';
import { SdqError } from '@sdq/core';
import { type EncoderConfig, encoderShapes, parseConfig, storedE5Name } from '../families/index.ts';
import { type HostTensor, sizeOf } from '../host-tensor.ts';
import { halfFloats } from './half-float.ts';
import { readFully } from './read-fully.ts';
import { requireFinite } from './require-finite.ts';

/** The file's name in the package that ships it. */
export const E5_FILE = 'e5-small-q4.bin';

const MAGIC = 'E5S1';
const VERSION = 1;
/** Weights per block of Q4_0, along a row. */
const BLOCK = 32;
/** A block's bytes: its scale in half precision, and two weights a byte. */
const BLOCK_BYTES = 2 + BLOCK / 2;
const F32 = 0;
const Q4_0 = 1;

// The names of the longest file known have 11 characters, its tokenizer part 7 MB.
const MAX_NAME_BYTES = 64;
const MAX_TOKENS = 4_194_304;
const MAX_TENSORS = 65_536;
const ENTRY_TAIL_BYTES = 1 + 4 + 8 + 8;

/** Decoding reads this many blocks at a time. */
const CHUNK_BLOCKS = 65_536;

interface Entry {
  readonly type: number;
  readonly elements: number;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Decodes multilingual-e5-small from the 4-bit file that a package registry ships (format "E5S1").
 *
 * Its weights carry about 9 % noise from their storage: a starting point for fine-tuning, not the original model.
 *
 * @returns the encoder's configuration, and its parameters under their Hugging Face names
 * @throws SdqError 'path-not-found', or 'bad-checkpoint' when a count, size or offset in the file is off
 *
 * @example
 * ```ts
 * import { loadE5Checkpoint } from '@sdq/models';
 *
 * const words = async (path: string) =>
 *   (await loadE5Checkpoint(path)).tensors.values().next().value?.shape; // [250037, 384]
 * ```
 */
export async function loadE5Checkpoint(
  path: string,
): Promise<{ readonly config: EncoderConfig; readonly tensors: Map<string, HostTensor> }> {
  return withReader(path, async (reader) => {
    const config = await readHeader(reader);
    await skipTokenizer(reader);
    const directory = await readDirectory(reader);
    const tensors = new Map<string, HostTensor>();
    for (const [name, shape] of encoderShapes(config)) {
      const stored = storedE5Name(name);
      const entry = directory.get(stored);
      if (entry === undefined) {
        throw new SdqError('missing-tensor', `${path} has no tensor "${stored}" (${name}).`);
      }
      const data = await readTensor(reader, stored, entry, shape);
      requireFinite(data, shape, path, stored);
      tensors.set(name, { shape, data });
    }
    return { config, tensors };
  });
}

/** The encoder's configuration alone, from the start of such a file; errors as {@link loadE5Checkpoint}. */
export function readE5Config(path: string): Promise<EncoderConfig> {
  return withReader(path, readHeader);
}

async function withReader<R>(path: string, use: (reader: Reader) => Promise<R>): Promise<R> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new SdqError('path-not-found', `Cannot open the checkpoint file ${path}.`, { cause: error });
  }
  try {
    return await use(new Reader(file, path, (await file.stat()).size));
  } finally {
    await file.close();
  }
}

/** Reads little-endian fields one after another, and never beyond the file. */
class Reader {
  offset = 0;

  constructor(
    private readonly file: FileHandle,
    readonly path: string,
    readonly size: number,
  ) {}

  async take(bytes: number): Promise<DataView> {
    this.reserve(bytes);
    const buffer = new Uint8Array(bytes);
    await readFully(this.file, buffer, this.offset, this.path);
    this.offset += bytes;
    return new DataView(buffer.buffer);
  }

  skip(bytes: number): void {
    this.reserve(bytes);
    this.offset += bytes;
  }

  readAt(into: Uint8Array, offset: number): Promise<void> {
    return readFully(this.file, into, offset, this.path);
  }

  bad(problem: string): SdqError {
    return new SdqError('bad-checkpoint', `${this.path} is not a sound ${MAGIC} file: ${problem}.`);
  }

  private reserve(bytes: number): void {
    if (bytes > this.size - this.offset) {
      throw this.bad(`${bytes} bytes are expected at ${this.offset}, it has only ${this.size}`);
    }
  }
}

async function readHeader(reader: Reader): Promise<EncoderConfig> {
  const magic = await reader.take(MAGIC.length);
  if (Buffer.from(magic.buffer).toString('latin1') !== MAGIC)
    throw reader.bad('it does not start with its name');
  const header = await reader.take(4 + 7 * 4 + 4 + 4);
  const int = (index: number) => header.getInt32(4 + 4 * index, true);
  const version = header.getUint32(0, true);
  if (version !== VERSION) throw reader.bad(`version ${version} is unknown, expected ${VERSION}`);
  const block = int(8);
  if (block !== BLOCK) throw reader.bad(`blocks of ${block} are unknown, expected ${BLOCK}`);
  const { config } = parseConfig(
    {
      model_type: 'bert',
      hidden_size: int(0),
      num_hidden_layers: int(1),
      num_attention_heads: int(2),
      intermediate_size: int(3),
      vocab_size: int(4),
      max_position_embeddings: int(5),
      type_vocab_size: int(6),
      // Stored in single precision: 1e-12 reads as 9.99999996e-13.
      layer_norm_eps: Number(header.getFloat32(32, true).toPrecision(6)),
    },
    reader.path,
  );
  if (config.hiddenSize % BLOCK !== 0 || config.intermediateSize % BLOCK !== 0) {
    throw reader.bad(
      `its sizes ${config.hiddenSize} and ${config.intermediateSize} are no multiples of ${BLOCK}`,
    );
  }
  return config;
}

/** The file holds a vocabulary too; the tokenizer here is read from tokenizer.json. */
async function skipTokenizer(reader: Reader): Promise<void> {
  const counts = await reader.take(5 * 4 + 8);
  const tokens = counts.getInt32(0, true);
  const blob = counts.getBigUint64(20, true);
  if (tokens < 0 || tokens > MAX_TOKENS) throw reader.bad(`it claims ${tokens} vocabulary entries`);
  if (blob > BigInt(reader.size)) throw reader.bad(`it claims ${blob} bytes of vocabulary`);
  reader.skip(4 * (tokens + 1) + 4 * tokens + Number(blob));
  const rest = await reader.take(8);
  reader.skip(rest.getUint32(4, true));
}

async function readDirectory(reader: Reader): Promise<ReadonlyMap<string, Entry>> {
  const count = (await reader.take(4)).getInt32(0, true);
  if (count < 0 || count > MAX_TENSORS) throw reader.bad(`it claims ${count} tensors`);
  const entries = new Map<string, Entry>();
  for (let i = 0; i < count; i++) {
    const nameBytes = (await reader.take(2)).getUint16(0, true);
    if (nameBytes > MAX_NAME_BYTES) throw reader.bad(`the name of tensor ${i} has ${nameBytes} bytes`);
    const record = await reader.take(nameBytes + ENTRY_TAIL_BYTES);
    const name = Buffer.from(record.buffer, 0, nameBytes).toString('latin1');
    const offset = record.getBigUint64(nameBytes + 5, true);
    const bytes = record.getBigUint64(nameBytes + 13, true);
    if (offset + bytes > BigInt(reader.size)) throw reader.bad(`tensor ${i} lies outside the file`);
    if (entries.has(name)) throw reader.bad(`tensor ${i} has the name of an earlier one`);
    entries.set(name, {
      type: record.getUint8(nameBytes),
      elements: record.getUint32(nameBytes + 1, true),
      offset: Number(offset),
      bytes: Number(bytes),
    });
  }
  return entries;
}

async function readTensor(
  reader: Reader,
  stored: string,
  entry: Entry,
  shape: readonly number[],
): Promise<Float32Array> {
  const elements = sizeOf(shape);
  if (entry.elements !== elements) {
    throw reader.bad(`tensor "${stored}" has ${entry.elements} elements, expected [${shape}]`);
  }
  if (entry.type !== F32 && entry.type !== Q4_0)
    throw reader.bad(`tensor "${stored}" has the type ${entry.type}`);
  const bytes = entry.type === F32 ? 4 * elements : (elements / BLOCK) * BLOCK_BYTES;
  if (entry.bytes !== bytes)
    throw reader.bad(`tensor "${stored}" has ${entry.bytes} bytes, expected ${bytes}`);
  const values = new Float32Array(elements);
  if (entry.type === F32) {
    await reader.readAt(new Uint8Array(values.buffer), entry.offset);
    return values;
  }
  const blocks = elements / BLOCK;
  const chunk = new Uint8Array(Math.min(blocks, CHUNK_BLOCKS) * BLOCK_BYTES);
  for (let block = 0; block < blocks; block += CHUNK_BLOCKS) {
    const part = chunk.subarray(0, Math.min(blocks - block, CHUNK_BLOCKS) * BLOCK_BYTES);
    await reader.readAt(part, entry.offset + block * BLOCK_BYTES);
    decodeQ4(part, values, block * BLOCK);
  }
  return values;
}

/** Q4_0: w = (q - 8) * d; a block's byte j holds weight j in its low half and weight j + 16 in its high half. */
function decodeQ4(bytes: Uint8Array, into: Float32Array, start: number): void {
  const scales = halfFloats();
  let to = start;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const scale = scales[bytes[at]! | (bytes[at + 1]! << 8)]!;
    for (let j = 0; j < BLOCK / 2; j++) {
      const pair = bytes[at + 2 + j]!;
      into[to + j] = ((pair & 15) - 8) * scale;
      into[to + j + BLOCK / 2] = ((pair >> 4) - 8) * scale;
    }
    to += BLOCK;
  }
}

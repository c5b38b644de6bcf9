import { parseConfig } from '../src/families/config.ts';
import { storedE5Name } from '../src/families/e5-names.ts';
import { encoderShapes } from '../src/families/parameters.ts';
import { sizeOf } from '../src/host-tensor.ts';

const SIZES = { hidden: 32, layers: 1, heads: 2, wide: 64, words: 10, positions: 4, types: 2 };
const BLOB = Buffer.from('abc');
const TOKENS = 2;

/** The first byte of the tiny file's directory of tensors. */
export const DIRECTORY_START = 44 + 28 + 4 * (TOKENS + 1) + 4 * TOKENS + BLOB.length + 8 + 5;

/** An "E5S1" file of one small layer: matrices in blocks of scale 0.5 and bytes 0x00, 0x11, ... 0xff, vectors of ones. */
export function tinyE5File(options: { readonly without?: string } = {}): Buffer {
  const { hidden, layers, heads, wide, words, positions, types } = SIZES;
  const { config } = parseConfig(
    {
      model_type: 'bert',
      hidden_size: hidden,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      intermediate_size: wide,
      vocab_size: words,
      max_position_embeddings: positions,
      type_vocab_size: types,
    },
    '',
  );
  const tensors = [...encoderShapes(config)]
    .map(([name, shape]) => ({ name: storedE5Name(name), elements: sizeOf(shape), packed: isPacked(name) }))
    .filter(({ name }) => name !== options.without);
  const head = Buffer.concat([
    Buffer.from('E5S1'),
    ints(1, hidden, layers, heads, wide, words, positions, types),
    floats(1e-12),
    ints(32),
    ints(TOKENS, 0, 2, 1, 3, BLOB.length, 0),
    ints(0, 1, 3),
    floats(-1, -2),
    BLOB,
    ints(7, 5),
    Buffer.alloc(5),
  ]);
  const directoryBytes = 4 + tensors.reduce((sum, { name }) => sum + 2 + name.length + 21, 0);
  let offset = head.length + directoryBytes;
  const directory = [ints(tensors.length)];
  const data: Buffer[] = [];
  for (const { name, elements, packed } of tensors) {
    const content = packed
      ? Buffer.concat(Array<Buffer>(elements / 32).fill(block()))
      : floats(...ones(elements));
    directory.push(entry(name, packed, elements, offset, content.length));
    data.push(content);
    offset += content.length;
  }
  return Buffer.concat([head, ...directory, ...data]);
}

/** As in the real file: matrices, save the positions and token types, are stored at 4 bits. */
function isPacked(name: string): boolean {
  return name.endsWith('.weight') && !/LayerNorm|position|token_type/.test(name);
}

function block(): Buffer {
  // 0x3800 is 0.5 in half precision.
  return Buffer.from([0x00, 0x38, ...Array.from({ length: 16 }, (_, half) => half * 0x11)]);
}

function entry(name: string, packed: boolean, elements: number, offset: number, bytes: number): Buffer {
  const record = Buffer.alloc(2 + name.length + 21);
  record.writeUInt16LE(name.length, 0);
  record.write(name, 2, 'latin1');
  let at = 2 + name.length;
  at = record.writeUInt8(packed ? 1 : 0, at);
  at = record.writeUInt32LE(elements, at);
  at = record.writeBigUInt64LE(BigInt(offset), at);
  record.writeBigUInt64LE(BigInt(bytes), at);
  return record;
}

function ones(count: number): number[] {
  return Array<number>(count).fill(1);
}

function ints(...values: number[]): Buffer {
  return Buffer.from(Int32Array.from(values).buffer);
}

function floats(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

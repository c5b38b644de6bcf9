import type { EncoderBatch } from '@sdq/models';

/** A packed batch as rectangles, [sequences, length]. */
export interface PaddedBatch {
  readonly sequences: number;
  /** The tokens of the longest sequence. */
  readonly length: number;
  /** `input_ids`, `attention_mask` and `token_type_ids`. */
  readonly inputs: ReadonlyMap<string, BigInt64Array>;
}

/** Fills up every sequence to the longest with `padId`, which the attention mask leaves out. */
export function padBatch({ ids, offsets, tokenTypes }: EncoderBatch, padId: number): PaddedBatch {
  const sequences = offsets.length - 1;
  let length = 0;
  for (let i = 0; i < sequences; i++) length = Math.max(length, offsets[i + 1]! - offsets[i]!);
  const inputIds = new BigInt64Array(sequences * length).fill(BigInt(padId));
  const attentionMask = new BigInt64Array(sequences * length);
  const tokenTypeIds = new BigInt64Array(sequences * length);
  for (let i = 0; i < sequences; i++) {
    for (let row = offsets[i]!; row < offsets[i + 1]!; row++) {
      const at = i * length + row - offsets[i]!;
      inputIds[at] = BigInt(ids[row]!);
      attentionMask[at] = 1n;
      tokenTypeIds[at] = BigInt(tokenTypes?.[row] ?? 0);
    }
  }
  const inputs = new Map([
    ['input_ids', inputIds],
    ['attention_mask', attentionMask],
    ['token_type_ids', tokenTypeIds],
  ]);
  return { sequences, length, inputs };
}

/**
 * The rows of tokens without padding, [tokens, columns]: from one array [sequences, length, columns], or from several
 * [sequences, length] that become the columns.
 */
export function unpadRows(
  parts: readonly Float32Array[],
  offsets: Int32Array,
  length: number,
): { shape: readonly [number, number]; data: Float32Array } {
  const sequences = offsets.length - 1;
  const tokens = offsets[sequences]!;
  const width = sequences * length === 0 ? 0 : parts[0]!.length / (sequences * length);
  const columns = width * parts.length;
  const data = new Float32Array(tokens * columns);
  for (let i = 0; i < sequences; i++) {
    for (let row = offsets[i]!; row < offsets[i + 1]!; row++) {
      const from = (i * length + row - offsets[i]!) * width;
      parts.forEach((part, p) => {
        data.set(part.subarray(from, from + width), row * columns + p * width);
      });
    }
  }
  return { shape: [tokens, columns], data };
}

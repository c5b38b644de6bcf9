import type { EncoderBatch } from '../families/index.ts';
import type { Encoding } from '../tokenizer/index.ts';

/**
 * Encodings in a row, as one packed batch; token types go along only where one is not 0.
 *
 * @example
 * ```ts
 * import { packEncodings, type Tokenizer } from '@sdq/models';
 *
 * const pack = (tokenizer: Tokenizer, texts: string[]) =>
 *   packEncodings(texts.map((text) => tokenizer.encodeTyped(text, undefined, 128)));
 * ```
 */
export function packEncodings(encodings: readonly Encoding[]): EncoderBatch {
  const offsets = new Int32Array(encodings.length + 1);
  encodings.forEach(({ ids }, i) => {
    offsets[i + 1] = offsets[i]! + ids.length;
  });
  const ids = new Int32Array(offsets[encodings.length]!);
  const tokenTypes = new Int32Array(ids.length);
  encodings.forEach((encoding, i) => {
    ids.set(encoding.ids, offsets[i]!);
    tokenTypes.set(encoding.tokenTypes, offsets[i]!);
  });
  return tokenTypes.some((type) => type !== 0) ? { ids, offsets, tokenTypes } : { ids, offsets };
}

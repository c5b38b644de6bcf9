import * as tf from '@tensorflow/tfjs';
import { requireShape } from './shapes.ts';

/** Throws SdqError `bad-shape` unless the heads divide the hidden size. */
export function requireHeads(op: string, heads: number, hidden: number): void {
  requireShape(
    Number.isInteger(heads) && heads > 0 && hidden % heads === 0,
    () => `${op}: ${heads} heads do not divide the hidden size ${hidden}.`,
  );
}

/** Throws SdqError `bad-shape` unless the offsets divide the token rows. */
export function requireOffsets(op: string, offsets: Int32Array, tokens: number): void {
  const rises = offsets.every((offset, i) => i === 0 || offset >= offsets[i - 1]!);
  requireShape(
    offsets.length > 0 && offsets[0] === 0 && rises && offsets[offsets.length - 1] === tokens,
    () => `${op}: the offsets must rise from 0 to the number of token rows, ${tokens}.`,
  );
}

/** The features of each head in one sequence: [heads, length, hidden / heads] of x [tokens, hidden]. */
export function headsOf(x: tf.Tensor, start: number, length: number, heads: number): tf.Tensor3D {
  const [, hidden] = x.shape as [number, number];
  return tf
    .slice(x as tf.Tensor2D, [start, 0], [length, hidden])
    .reshape([length, heads, hidden / heads])
    .transpose([1, 0, 2]);
}

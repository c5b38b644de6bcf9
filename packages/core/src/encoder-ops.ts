import type { TapPoint } from './taps.ts';

/**
 * A place in the model: the parameter's own name in the Hugging Face checkpoint, without `.weight` or `.bias`
 * (`encoder.layer.3.attention.self.query`).
 */
export type Site = string;

/** How packed token rows divide into sequences: sequence i owns rows offsets[i] up to offsets[i + 1]. */
export interface Layout {
  /** [sequences + 1], from 0 to the number of token rows, never falling. */
  readonly offsets: Int32Array;
}

/** Sequences packed without padding. */
export interface PackedBatch extends Layout {
  /** [tokens], the token ids of all sequences in a row. */
  readonly ids: Int32Array;
}

/**
 * The operations that an encoder is written against: each interpreter (float, fake-quantized, integer, ONNX,
 * ...) gives them a meaning over its own value type.
 *
 * Shapes: token rows are [tokens, hidden]; a linear's weight is [out, in], as in the checkpoint.
 */
export interface EncoderOps<T> {
  /** Rows of `table` [rows, hidden] picked by `ids` [tokens]. */
  embed(site: Site, ids: Int32Array, table: T): T;
  /** x [tokens, in] times weight [out, in] transposed, plus bias [out]. */
  linear(site: Site, x: T, weight: T, bias: T): T;
  /** Self-attention within each sequence: q, k, v [tokens, hidden] to the heads' outputs [tokens, hidden]. */
  attention(site: Site, q: T, k: T, v: T, layout: Layout, heads: number): T;
  /** Normalised over the last axis, times gamma [hidden], plus beta [hidden]. */
  layerNorm(site: Site, x: T, gamma: T, beta: T, epsilon: number): T;
  /** x times the standard normal distribution function of x (the exact form, by erf). */
  gelu(x: T): T;
  tanh(x: T): T;
  add(a: T, b: T): T;
  /** Zeroes a share `rate` of the elements and scales the rest by 1 / (1 - rate); the identity outside training. */
  dropout(x: T, rate: number): T;
  /** The first token row of each sequence: [sequences, hidden]. */
  firstTokens(x: T, layout: Layout): T;
  /** The place where losses and observers listen; hands x through. */
  tap(point: TapPoint, x: T): T;
  /** Runs a part of a pass of which nothing but its result is read later, so that the rest may go; absent: nothing to let go. */
  scope?(run: () => T): T;
}

/**
 * What a tap shows: the queries, keys or values; the outputs of the attention heads; what the output projection of attention
 * gives, and the normalization after it; what the feed-forward block gives before the residual sum; what is handed on.
 */
export type TapRole =
  | 'query'
  | 'key'
  | 'value'
  | 'attention'
  | 'attention-output'
  | 'attention-norm'
  | 'ffn-out'
  | 'hidden';

/** A place in the forward pass where losses listen, whatever the model's family calls it. */
export interface TapPoint {
  readonly role: TapRole;
  /** From 0; absent: the embeddings, before the first layer. */
  readonly layer?: number;
}

/**
 * The key of a tap in {@link Taps}.
 *
 * @example
 * ```ts
 * import { tapKey } from '@sdq/core';
 *
 * tapKey({ role: 'hidden', layer: 3 }); // 'hidden.3'
 * ```
 */
export function tapKey({ role, layer }: TapPoint): string {
  return layer === undefined ? role : `${role}.${layer}`;
}

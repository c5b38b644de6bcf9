/** What a parameter does in an encoder, as {@link LayerRole} has it. */
export const ROLES = [
  'word-embedding',
  'embedding',
  'query',
  'key',
  'value',
  'attention-output',
  'ffn-in',
  'ffn-out',
  'norm',
  'head',
] as const;

/**
 * What a parameter does in an encoder: the table of word pieces, another table (positions, token types), one of the
 * projections of attention or of the feed-forward block, a normalization, or a part of the head.
 */
export type Role = (typeof ROLES)[number];

/** The role of a parameter, and the layer that it stands in, from 0; without one in embeddings and in the head. */
export interface LayerRole {
  readonly role: Role;
  readonly layer?: number | undefined;
}

/** Gives the role of a parameter or site by its name; undefined for a name that the model does not have. */
export type RoleOf = (name: string) => LayerRole | undefined;

/**
 * The part of a model that a parameter of this role belongs to; one of no known role counts as the head's.
 *
 * @example
 * ```ts
 * import { partOf } from '@sdq/core';
 *
 * partOf({ role: 'norm' }); // 'embeddings'
 * partOf({ role: 'norm', layer: 0 }); // 'layers'
 * ```
 */
export function partOf(place: LayerRole | undefined): 'embeddings' | 'layers' | 'head' {
  if (place === undefined || place.role === 'head') return 'head';
  return place.layer === undefined ? 'embeddings' : 'layers';
}

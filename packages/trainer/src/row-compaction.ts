/** The rows of a table that a batch names, and the batch's ids counted in those rows. */
export interface CompactedRows {
  /** [unique ids], in the order in which they first come. */
  readonly rowIds: Int32Array;
  /** [tokens], indices into rowIds. */
  readonly ids: Int32Array;
}

/**
 * The distinct ids of a batch, so that a step can gather, train and update those rows of a table alone.
 *
 * @param ids - [tokens]
 *
 * @example
 * ```ts
 * import { compactRows } from '@sdq/trainer';
 *
 * compactRows(Int32Array.of(7, 3, 7)); // { rowIds: [7, 3], ids: [0, 1, 0] }
 * ```
 */
export function compactRows(ids: Int32Array): CompactedRows {
  const places = new Map<number, number>();
  const local = ids.map((id) => {
    const place = places.get(id) ?? places.size;
    places.set(id, place);
    return place;
  });
  return { rowIds: Int32Array.from(places.keys()), ids: local };
}

/** Packed sequences of like length, which one product works on. */
export interface SequenceGroup {
  readonly sequences: number;
  /** Of the longest. */
  readonly length: number;
  /** [sequences * length], the token row at each place; `tokens`, the row of zeros after the last, where there is none. */
  readonly rows: Int32Array;
  /** Whether each sequence is as long as the longest. */
  readonly full: boolean;
}

/** How packed sequences lie in groups. */
export interface SequenceGroups {
  readonly groups: readonly SequenceGroup[];
  /** [tokens], where the row of each token stands in the rows of all groups, one after another. */
  readonly places: Int32Array;
  /** Whether the token rows are those of the one group as they stand. */
  readonly identical: boolean;
}

/** A sequence below this share of the longest in a group begins another. */
const LEAST_SHARE = 0.75;

/**
 * Divides packed sequences into groups of like length: padding to the longest of a group is less work than a product for
 * each sequence.
 *
 * @param offsets - [sequences + 1], from 0 to tokens
 */
export function sequenceGroups(offsets: Int32Array): SequenceGroups {
  const tokens = offsets.at(-1)!;
  const lengthOf = (i: number) => offsets[i + 1]! - offsets[i]!;
  const sequences = Array.from({ length: offsets.length - 1 }, (_, i) => i)
    .filter((i) => lengthOf(i) > 0)
    .sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
  const members: number[][] = [];
  for (const i of sequences) {
    const group = members.at(-1);
    if (group && lengthOf(i) >= LEAST_SHARE * lengthOf(group[0]!)) group.push(i);
    else members.push([i]);
  }
  const places = new Int32Array(tokens);
  let before = 0;
  const groups = members.map((group): SequenceGroup => {
    const length = lengthOf(group[0]!);
    const rows = new Int32Array(group.length * length).fill(tokens);
    for (const [at, i] of group.entries()) {
      for (let row = 0; row < lengthOf(i); row++) {
        rows[at * length + row] = offsets[i]! + row;
        places[offsets[i]! + row] = before + at * length + row;
      }
    }
    before += rows.length;
    return { sequences: group.length, length, rows, full: !rows.includes(tokens) };
  });
  const identical = groups.length === 1 && groups[0]!.rows.every((row, i) => row === i);
  return { groups, places, identical };
}

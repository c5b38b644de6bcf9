/** A range of a text, [from, to) in UTF-16 units and not empty, and what stands there instead. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Where each unit of a text stands in the text that it was made from. */
interface Spans {
  readonly starts: Int32Array;
  /** Behind the last unit. */
  readonly ends: Int32Array;
}

/**
 * A text that was made from another by edits, slices and prefixes, and where its UTF-16 units stand in that other.
 *
 * What replaces a range stands in all of it; a prefix is empty and stands where the text begins.
 */
export class AlignedText {
  private constructor(
    readonly text: string,
    /** Where the slice of the source begins that this was made from. */
    readonly origin: number,
    /** How many units of the prefix are left. */
    private readonly prefix: number,
    /** The index in `spans` of the unit after the prefix; without spans, its place. */
    private readonly from: number,
    private readonly spans: Spans | undefined,
  ) {}

  /** @param origin - where the text stands in its source */
  static of(text: string, origin = 0): AlignedText {
    return new AlignedText(text, origin, 0, origin, undefined);
  }

  /** Where unit `i` stands. */
  start(i: number): number {
    const at = this.from + Math.max(0, i - this.prefix);
    return this.spans ? this.spans.starts[at]! : at;
  }

  /** Behind where unit `i` stands. */
  end(i: number): number {
    if (i < this.prefix) return this.start(i);
    const at = this.from + i - this.prefix;
    return this.spans ? this.spans.ends[at]! : at + 1;
  }

  slice(from: number, to: number): AlignedText {
    return new AlignedText(
      this.text.slice(from, to),
      this.start(from),
      Math.max(0, Math.min(to, this.prefix) - from),
      this.from + Math.max(0, from - this.prefix),
      this.spans,
    );
  }

  /** With a prefix, unless the text is empty. */
  prepend(prefix: string): AlignedText {
    if (this.text === '') return this;
    const { text, origin, from, spans } = this;
    return new AlignedText(prefix + text, origin, this.prefix + prefix.length, from, spans);
  }

  /** With other units of the same number, each where the one before it was. */
  withUnits(text: string): AlignedText {
    return new AlignedText(text, this.origin, this.prefix, this.from, this.spans);
  }

  /** @param edits - ascending, without overlap */
  edit(edits: readonly Edit[]): AlignedText {
    if (edits.length === 0) return this;
    const length = edits.reduce(
      (sum, { from, to, text }) => sum + text.length - (to - from),
      this.text.length,
    );
    const starts = new Int32Array(length);
    const ends = new Int32Array(length);
    const parts: string[] = [];
    let read = 0;
    let written = 0;
    const keepUpTo = (to: number) => {
      parts.push(this.text.slice(read, to));
      for (; read < to; read++, written++) {
        starts[written] = this.start(read);
        ends[written] = this.end(read);
      }
    };
    for (const { from, to, text } of edits) {
      keepUpTo(from);
      parts.push(text);
      const end = written + text.length;
      if (written < end) {
        starts.fill(this.start(from), written, end);
        ends.fill(this.end(to - 1), written, end);
      }
      written = end;
      read = to;
    }
    keepUpTo(this.text.length);
    return new AlignedText(parts.join(''), this.origin, 0, 0, { starts, ends });
  }
}

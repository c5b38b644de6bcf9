/** Where the pieces of a context lie, in a window of it and in the context. */
export interface SpanWindow {
  /** The row of the first piece of the context. */
  readonly contextRow: number;
  /** [pieces of the context]: where each starts in the context. */
  readonly starts: Int32Array;
  /** [pieces of the context]: where each ends. */
  readonly ends: Int32Array;
}

/** One example as token ids, with its labels as class indices. */
export interface EncodedExample {
  /** [tokens] with the special tokens. */
  readonly ids: Int32Array;
  /** [tokens], for a model that tells the two texts of a pair apart; all 0 when absent. */
  readonly tokenTypes?: Int32Array;
  /**
   * [1] for a task that labels texts; [tokens] for one that labels words, IGNORED_LABEL off first pieces; [2] for a span,
   * the rows of its first and last piece.
   */
  readonly labels: Int32Array;
  /** For a task that labels words: the row of each word's first piece, -1 where it was cut off. */
  readonly firstPiece?: Int32Array;
  /** For a span: where the context lies. */
  readonly window?: SpanWindow;
  /** Set where the text was longer than the model takes, and its end was left out. */
  readonly cut?: true;
}

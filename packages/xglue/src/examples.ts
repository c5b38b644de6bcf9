/** One or more texts and a class: NC, XNLI, PAWSX, QADSM, WPR, QAM. */
export interface TextExample {
  readonly kind: 'text';
  /** The texts in column order, without empty ones: a premise and a hypothesis; a title and a body; .... */
  readonly texts: readonly string[];
  /** Empty only where `unlabelled` was asked for and the file has no labels. */
  readonly label: string;
  /** WPR alone: neighbours with one query are ranked together. */
  readonly query?: string;
  /** PAWSX alone: the same in every language. */
  readonly id?: string;
}

/** A sentence as words, each with a tag: NER, POS. */
export interface WordsExample {
  readonly kind: 'words';
  /** [words] */
  readonly words: readonly string[];
  /** [words] */
  readonly labels: readonly string[];
}

/** A question about a context, whose answer is a part of it: MLQA. */
export interface SpanExample {
  readonly kind: 'span';
  readonly id: string;
  readonly question: string;
  readonly context: string;
  readonly answers: readonly SpanAnswer[];
}

/** An answer and where it stands. */
export interface SpanAnswer {
  readonly text: string;
  /** The index into the context in UTF-16 units, so that `context.startsWith(text, start)`. */
  readonly start: number;
}

/** A text and the text to write for it: QG, NTG. */
export interface GenerationExample {
  readonly kind: 'generation';
  readonly source: string;
  /** Empty only where `unlabelled` was asked for and there are no targets. */
  readonly target: string;
}

/** One example of any task. */
export type Example = TextExample | WordsExample | SpanExample | GenerationExample;

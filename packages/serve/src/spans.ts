import type { EncodedExample, SpanWindow, Tokenizer } from '@sdq/models';

/** A question, the context to answer it from, and the answers that are known. */
export interface QuestionExample {
  readonly question: string;
  readonly context: string;
  readonly answers: readonly {
    readonly text: string;
    /** In UTF-16 units of the context. */
    readonly start: number;
  }[];
}

/** A part of a context that may answer its question. */
export interface Span {
  /** In UTF-16 units of the context. */
  readonly start: number;
  /** Behind the last unit. */
  readonly end: number;
  /** The sum of the logits of its start and its end. */
  readonly score: number;
}

/** An answer, in the context's own words. */
export interface Answer extends Span {
  readonly text: string;
}

/** How many answers are kept; what SQuAD's code keeps. */
const BEST = 20;
/** Answers of more pieces are none; what SQuAD's code allows. */
const MAX_ANSWER_PIECES = 30;
/** The row that stands for "not in this window": the first special token. */
const NO_ANSWER_ROW = 0;

/**
 * A question and its context as windows, each sharing a third of its length with the one before.
 *
 * The labels are the rows of the first and last piece of the first answer, or twice row 0 where the window does not
 * have it whole (Devlin et al. 2019, "BERT", its SQuAD code).
 *
 * @throws SdqError 'bad-option' when `maxLength` leaves no room beside the special tokens
 */
export function spanWindows(
  tokenizer: Tokenizer,
  { question, context, answers }: QuestionExample,
  maxLength: number,
): EncodedExample[] {
  const windows = tokenizer.encodeWindows(question, context, maxLength, Math.floor(maxLength / 3));
  const answer = answers[0];
  return windows.map(({ ids, tokenTypes, contextRow, starts, ends, cut }) => {
    const window = { contextRow, starts, ends };
    const labels = answer ? answerRows(window, answer.start, answer.start + answer.text.length) : undefined;
    return {
      ids,
      tokenTypes,
      labels: labels ?? Int32Array.of(NO_ANSWER_ROW, NO_ANSWER_ROW),
      window,
      ...(cut && { cut }),
    };
  });
}

/** The rows [first, last] of the pieces that an answer touches, if the window has all of it. */
function answerRows(
  { contextRow, starts, ends }: SpanWindow,
  start: number,
  end: number,
): Int32Array | undefined {
  if (starts.length === 0 || start < starts[0]! || end > ends.at(-1)!) return undefined;
  const first = ends.findIndex((pieceEnd) => pieceEnd > start);
  const last = starts.findLastIndex((pieceStart, i) => pieceStart < end && ends[i]! > pieceStart);
  return first <= last ? Int32Array.of(contextRow + first, contextRow + last) : undefined;
}

/**
 * The spans of a window with the highest scores, best first: all pairs of a start and an end after it, of at most 30
 * pieces.
 *
 * @param logits - [rows of the window, 2]: start and end
 */
export function bestSpans(logits: ArrayLike<number>, window: SpanWindow, count = BEST): Span[] {
  const { contextRow, starts, ends } = window;
  const best: Span[] = [];
  for (let first = 0; first < starts.length; first++) {
    if (starts[first] === ends[first]) continue;
    const startLogit = logits[2 * (contextRow + first)]!;
    for (let last = first; last < Math.min(first + MAX_ANSWER_PIECES, starts.length); last++) {
      if (starts[last] === ends[last]) continue;
      const score = startLogit + logits[2 * (contextRow + last) + 1]!;
      if (best.length === count && score <= best.at(-1)!.score) continue;
      const at = best.findIndex((kept) => kept.score < score);
      best.splice(at < 0 ? best.length : at, 0, { start: starts[first]!, end: ends[last]!, score });
      if (best.length > count) best.pop();
    }
  }
  return best;
}

/** The best answers over all windows of one question, best first, each part of the context once. */
export function bestAnswers<S extends Span>(
  context: string,
  windows: readonly (readonly S[])[],
  count = BEST,
): (S & Answer)[] {
  const found = new Map<string, S>();
  for (const span of windows.flat()) {
    const key = `${span.start} ${span.end}`;
    const known = found.get(key);
    if (!known || known.score < span.score) found.set(key, span);
  }
  return [...found.values()]
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map((span) => ({ ...span, text: context.slice(span.start, span.end) }));
}

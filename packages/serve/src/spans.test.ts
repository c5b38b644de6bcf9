import type { SpanWindow } from '@sdq/models';
import { describe, expect, it } from 'vitest';
import { bestAnswers, bestSpans } from './spans.ts';

/** A window whose context is one-letter words after 3 other rows. */
const window = (pieces: number): SpanWindow => ({
  contextRow: 3,
  starts: Int32Array.from({ length: pieces }, (_, i) => 2 * i),
  ends: Int32Array.from({ length: pieces }, (_, i) => 2 * i + 1),
});

/** Logits of start and end by the row of the context; 0 elsewhere, but 99 outside of the context. */
function logits(pieces: number, starts: Record<number, number>, ends: Record<number, number>): Float64Array {
  const values = new Float64Array(2 * (pieces + 4));
  for (const row of [0, 1, 2, pieces + 3]) values.fill(99, 2 * row, 2 * row + 2);
  for (const [piece, value] of Object.entries(starts)) values[2 * (3 + Number(piece))] = value;
  for (const [piece, value] of Object.entries(ends)) values[2 * (3 + Number(piece)) + 1] = value;
  return values;
}

describe('bestSpans', () => {
  it('pairs the best start with the best end after it, inside of the context', () => {
    const [best, second] = bestSpans(logits(6, { 2: 5, 4: 4 }, { 1: 9, 3: 2, 5: 3 }), window(6));
    // The end with 9 lies before every good start; a start of 0 with it still beats all others.
    expect(best).toEqual({ start: 0, end: 3, score: 9 });
    expect(second).toEqual({ start: 2, end: 3, score: 9 });
    const [without] = bestSpans(logits(6, { 2: 5, 4: 4 }, { 3: 2, 5: 3 }), window(6));
    expect(without).toEqual({ start: 4, end: 11, score: 8 });
  });

  it('gives no answer of more than 30 pieces, nor more than asked for', () => {
    const spans = bestSpans(logits(40, { 0: 5 }, { 29: 5, 30: 9 }), window(40), 3);
    expect(spans).toHaveLength(3);
    expect(spans[0]).toEqual({ start: 0, end: 59, score: 10 });
  });

  it('is the sorted list of all pairs, by brute force', () => {
    const values = Float64Array.from({ length: 2 * 14 }, (_, i) => Math.sin(7 * i));
    const all: number[] = [];
    for (let first = 0; first < 10; first++)
      for (let last = first; last < 10; last++)
        all.push(values[2 * (3 + first)]! + values[2 * (3 + last) + 1]!);
    const expected = all.sort((a, b) => b - a).slice(0, 20);
    expect(bestSpans(values, window(10)).map(({ score }) => score)).toEqual(expected);
  });

  it('neither starts nor ends on a piece without text', () => {
    const gap = { contextRow: 3, starts: Int32Array.of(0, 2, 2), ends: Int32Array.of(1, 2, 3) };
    const [best] = bestSpans(logits(3, { 1: 9, 2: 1 }, { 1: 9, 2: 1 }), gap);
    expect(best).toEqual({ start: 2, end: 3, score: 2 });
  });

  it('finds nothing in an empty context', () => {
    expect(bestSpans(logits(0, {}, {}), window(0))).toEqual([]);
  });
});

describe('bestAnswers', () => {
  it('takes the best over all windows, each part of the context once, in its own words', () => {
    const answers = bestAnswers('北京是中国首都', [
      [
        { start: 0, end: 2, score: 3 },
        { start: 3, end: 5, score: 1 },
      ],
      [{ start: 3, end: 5, score: 4 }],
    ]);
    expect(answers).toEqual([
      { start: 3, end: 5, score: 4, text: '中国' },
      { start: 0, end: 2, score: 3, text: '北京' },
    ]);
  });
});

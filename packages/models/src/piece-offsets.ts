/** Where pieces stand in a text, in UTF-16 units. */
export interface PieceOffsets {
  /** [pieces] */
  readonly starts: Int32Array;
  /** [pieces], behind the last unit. */
  readonly ends: Int32Array;
}

/** A part of the text and what the tokenizer makes of it. */
interface Segment {
  readonly start: number;
  readonly end: number;
  readonly letters: string;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Where each piece of a tokenized text stands in the text as it was before the tokenizer's normalizer changed it.
 *
 * The text is normalized code point by code point; where that does not give the pieces' letters (an accent that joins
 * its letter), grapheme by grapheme; and where that does not either, every piece is given the whole text. A piece
 * without letters (a bare "▁") is empty and stands where the next one starts.
 *
 * @param text - without white space
 * @param pieces - as the tokenizer names them: a sentencepiece with its "▁", a word piece without its "##"; a piece
 * that is not what the text reads there (an unknown token) reaches to the next that is
 */
export function pieceOffsets(
  text: string,
  pieces: readonly string[],
  normalize: (text: string) => string,
): PieceOffsets {
  const wanted = pieces.map(lettersOf);
  const segmentations = [
    () => Array.from(text),
    () => Array.from(graphemes.segment(text), ({ segment }) => segment),
  ];
  for (const split of segmentations) {
    const found = align(segmentsOf(split(), normalize), wanted);
    if (found) return found;
  }
  return {
    starts: new Int32Array(pieces.length),
    ends: Int32Array.from(wanted, (letters) => (letters === '' ? 0 : text.length)),
  };
}

const lettersOf = (text: string): string => text.replaceAll(/[\s▁]/gu, '');

function segmentsOf(parts: readonly string[], normalize: (text: string) => string): Segment[] {
  let start = 0;
  return parts.map((part) => {
    const segment = { start, end: start + part.length, letters: lettersOf(normalize(part)) };
    start = segment.end;
    return segment;
  });
}

function align(segments: readonly Segment[], pieces: readonly string[]): PieceOffsets | undefined {
  const letters = segments.map((segment) => segment.letters).join('');
  const owners = segments.flatMap((segment) => new Array<Segment>(segment.letters.length).fill(segment));
  const starts = new Int32Array(pieces.length);
  const ends = new Int32Array(pieces.length);
  let at = 0;
  for (const [i, piece] of pieces.entries()) {
    let next = at + piece.length;
    if (!letters.startsWith(piece, at)) {
      const following = pieces[i + 1];
      next = following === undefined ? letters.length : letters.indexOf(following, at + 1);
      if (next < 0) return undefined;
    }
    starts[i] = owners[at]?.start ?? segments.at(-1)?.end ?? 0;
    ends[i] = next > at ? owners[next - 1]!.end : starts[i]!;
    at = next;
  }
  return at === letters.length ? { starts, ends } : undefined;
}

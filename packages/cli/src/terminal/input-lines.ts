import { isUtf8 } from 'node:buffer';

/** A line of standard input. */
export interface InputLine {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** What had to be changed to read it. */
  readonly problem?: string;
}

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
/** What is beyond is left out: the tokenizer takes far less of a text. */
const MAX_LINE_BYTES = 2 ** 24;

/**
 * The lines of a stream of UTF-8 as a program that counts newlines sees them: only \n ends a line, with a \r before it, and
 * what follows the last one is a line where it is not empty. A byte order mark at the start is left out.
 */
export async function* inputLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<InputLine> {
  let held: Uint8Array[] = [];
  let [bytes, dropped, number] = [0, 0, 0];
  const hold = (part: Uint8Array) => {
    const kept = part.subarray(0, MAX_LINE_BYTES - bytes);
    if (kept.length > 0) held.push(kept);
    bytes += kept.length;
    dropped += part.length - kept.length;
  };
  const finish = (): InputLine => {
    number += 1;
    const line = decoded(Buffer.concat(held), number, dropped);
    held = [];
    [bytes, dropped] = [0, 0];
    return line;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      hold(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    hold(chunk.subarray(start));
  }
  if (bytes > 0) yield finish();
}

function decoded(line: Buffer, number: number, dropped: number): InputLine {
  const end = line.at(-1) === CARRIAGE_RETURN ? -1 : undefined;
  const whole = line.subarray(0, end).toString('utf8');
  const text = number === 1 ? whole.replace(/^\uFEFF/, '') : whole;
  // A cut may have gone through a character.
  if (dropped > 0)
    return { text, number, problem: `is longer than ${MAX_LINE_BYTES} bytes: the rest is left out` };
  if (text.includes('\uFFFD') && !isUtf8(line)) {
    return { text, number, problem: 'is not valid UTF-8: invalid bytes are read as U+FFFD' };
  }
  return { text, number };
}

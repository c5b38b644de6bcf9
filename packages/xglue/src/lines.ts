import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';
import { SdqError } from '@sdq/core';
import { foreignKind } from './file-kind.ts';

/** Something odd in a file that reading tolerates. */
export interface DataNote {
  readonly kind: 'byte-order-mark' | 'carriage-return' | 'empty-field' | 'blank-line';
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** Where a reader tells of what it meets. */
export interface ReadEvents {
  /** Something tolerated. */
  note(note: DataNote): void;
  /** A line that cannot be used: throws, or returns and the line is left out. */
  fail(error: SdqError): void;
}

/** Events that stop at the first line which cannot be used. */
export const strictly = (onNote?: (note: DataNote) => void): ReadEvents => ({
  note: (note) => onNote?.(note),
  fail: (error) => {
    throw error;
  },
});

/** One line without its end. */
export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

const CHUNK_BYTES = 1 << 16;
/** No line of the benchmark comes near; a longer one means that the file is not text. */
const MAX_LINE_BYTES = 1 << 24;
/** Enough to tell by what a file is. */
const HEAD_BYTES = 512;
const NEWLINE = 10;

/**
 * The lines of a UTF-8 file, one at a time, without its byte order mark and carriage returns.
 *
 * @throws SdqError 'bad-data' that says what the file is, where it is compressed, UTF-16, a web page, ...
 */
export function* readLines(file: string, events: ReadEvents): Generator<Line> {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let held: Buffer[] = [];
    let heldBytes = 0;
    let number = 0;
    const finish = (end: Buffer): Line | undefined => {
      const bytes = held.length === 0 ? end : Buffer.concat([...held, end]);
      held = [];
      heldBytes = 0;
      number += 1;
      return decode(bytes, file, number, events);
    };
    for (;;) {
      const count = readChunk(descriptor, chunk, file);
      if (count === 0) break;
      if (number === 0 && heldBytes === 0) requireText(file, chunk.subarray(0, Math.min(count, HEAD_BYTES)));
      let start = 0;
      for (;;) {
        const newline = chunk.subarray(0, count).indexOf(NEWLINE, start);
        if (newline < 0) break;
        const line = finish(chunk.subarray(start, newline));
        if (line !== undefined) yield line;
        start = newline + 1;
      }
      if (start < count) {
        held.push(Buffer.from(chunk.subarray(start, count)));
        heldBytes += count - start;
        if (heldBytes > MAX_LINE_BYTES) {
          throw badLine(file, number + 1, `is longer than ${MAX_LINE_BYTES} bytes, so this is no text file`);
        }
      }
    }
    if (heldBytes > 0) {
      const line = finish(Buffer.alloc(0));
      if (line !== undefined) yield line;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** @throws SdqError 'bad-data' that says what a file is, by its first bytes, unless it may be UTF-8 text */
export function requireText(file: string, head: Uint8Array): void {
  const kind = foreignKind(head);
  if (kind !== undefined) throw new SdqError('bad-data', `${file} ${kind}.`);
}

function readChunk(descriptor: number, chunk: Buffer, file: string): number {
  try {
    return readSync(descriptor, chunk, 0, CHUNK_BYTES, null);
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** The error for a line: `file:line what`. */
export function badLine(file: string, line: number, what: string): SdqError {
  return new SdqError('bad-data', `${file}:${line} ${what}.`);
}

/** The error for a file that cannot be opened. */
export function unreadable(file: string, cause: unknown): SdqError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new SdqError('path-not-found', `No file ${file}.`, { cause });
  if (code === 'EISDIR') {
    return new SdqError('path-not-found', `${file} is a folder: a file is expected.`, { cause });
  }
  return new SdqError('io-failed', `Cannot read ${file}: ${message}.`, { cause });
}

function decode(bytes: Buffer, file: string, line: number, events: ReadEvents): Line | undefined {
  if (!isUtf8(bytes)) {
    events.fail(badLine(file, line, 'is not valid UTF-8: convert the file to UTF-8'));
    return undefined;
  }
  let text = bytes.toString('utf8');
  if (line === 1 && text.startsWith('\uFEFF')) {
    events.note({ kind: 'byte-order-mark', file, line });
    text = text.slice(1);
  }
  if (text.endsWith('\r')) {
    events.note({ kind: 'carriage-return', file, line });
    text = text.slice(0, -1);
  }
  return { text, number: line };
}

import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { SdqError } from '@sdq/core';
import { badLine, type ReadEvents, requireText, unreadable } from './lines.ts';

/** The JSON value that a UTF-8 file holds. */
export function readJson(file: string, events: ReadEvents): unknown {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  requireText(file, bytes.subarray(0, 512));
  if (!isUtf8(bytes)) throw new SdqError('bad-data', `${file} is not valid UTF-8: convert it to UTF-8.`);
  let text = bytes.toString('utf8');
  if (text.startsWith('\uFEFF')) {
    events.note({ kind: 'byte-order-mark', file, line: 1 });
    text = text.slice(1);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = (error as Error).message;
    const position = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
    const line = text.slice(0, position).split('\n').length;
    throw badLine(file, line, `is not valid JSON (${message})`);
  }
}

/** Whether a JSON value is an object with named fields. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

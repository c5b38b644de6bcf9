import { SdqError } from '@sdq/core';

/** Turns a flag's text into a number. */
export function numberFlag(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new SdqError('bad-option', `"${text}" is not a number.`);
  return value;
}

/** Turns a flag's text into a list. */
export function listFlag(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** Turns a flag's text, as 20MB or 500 KiB, into bytes. */
export function bytesFlag(text: string): number {
  const [, amount, unit] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : BYTES[unit.toUpperCase()];
  if (amount === undefined || factor === undefined) {
    throw new SdqError('bad-option', `"${text}" is no number of bytes: write it as 20MB or 500KB.`);
  }
  return Math.floor(Number(amount) * factor);
}

/** Turns a flag's text into a list of numbers. */
export function numbersFlag(text: string): number[] {
  return listFlag(text).map(numberFlag);
}

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

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

/** Turns a flag's text, as last or 0,5,11, into a selection of layers. */
export function layersFlag(text: string): 'all' | 'last' | number[] {
  return text === 'all' || text === 'last' ? text : numbersFlag(text);
}

/** A weight, or one that goes from one number to another until a share of the training is done. */
export type Weight = number | { from: number; to: number; until?: number };

/** Turns a flag's text, as att-kld=100,hidden-mse=0:1:0.1, into weights by name. */
export function weightsFlag(text: string): Record<string, Weight> {
  const weights: Record<string, Weight> = {};
  for (const part of listFlag(text)) {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(part) ?? [];
    const numbers = value?.split(':').map(numberFlag) ?? [];
    const [from, to, until] = numbers;
    if (name === undefined || from === undefined || numbers.length > 3 || Object.hasOwn(weights, name)) {
      throw new SdqError(
        'bad-option',
        `"${part}" is no weight of a name not yet given: write it as att-kld=100, or att-kld=0:100:0.1 for a weight that rises in the first tenth of the training.`,
      );
    }
    weights[name] = to === undefined ? from : { from, to, ...(until !== undefined && { until }) };
  }
  return weights;
}

/** Adds a flag's text to what the flag was given before. */
export function collectFlag(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

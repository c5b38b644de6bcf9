import { expect, it } from 'vitest';
import { bytesFlag, numbersFlag } from './flags.ts';

it('bytesFlag reads units of thousands and of 1,024', () => {
  expect(['20MB', '500 KB', '1.5GiB', '2kib', '7'].map(bytesFlag)).toEqual([
    20e6,
    500e3,
    1.5 * 2 ** 30,
    2048,
    7,
  ]);
  for (const text of ['', 'MB', '-1MB', '1XB', '1e3'])
    expect(() => bytesFlag(text)).toThrow('write it as 20MB');
});

it('numbersFlag reads a list', () => {
  expect(numbersFlag('8, 4')).toEqual([8, 4]);
  expect(() => numbersFlag('8,x')).toThrow('"x" is not a number');
});

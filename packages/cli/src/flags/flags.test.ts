import { expect, it } from 'vitest';
import { bytesFlag, layersFlag, numbersFlag, weightsFlag } from './flags.ts';

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

it('layersFlag reads numbers and names', () => {
  expect(['all', 'last', '0, 11'].map(layersFlag)).toEqual(['all', 'last', [0, 11]]);
  expect(() => layersFlag('first')).toThrow('"first" is not a number');
});

it('weightsFlag reads weights and ramps by name', () => {
  expect(weightsFlag('att-kld=100, hidden-mse=0:1,logit-kl=2:0:0.5')).toEqual({
    'att-kld': 100,
    'hidden-mse': { from: 0, to: 1 },
    'logit-kl': { from: 2, to: 0, until: 0.5 },
  });
  for (const text of ['att-kld', '=3', 'att-kld=', 'a=1:2:3:4', 'a=1,a=2'])
    expect(() => weightsFlag(text)).toThrow('write it as att-kld=100');
  expect(() => weightsFlag('a=x')).toThrow('"x" is not a number');
});

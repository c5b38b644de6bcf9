import { expect, it } from 'vitest';
import { ptqChoice, savedPtq } from './ptq-choice.ts';

const stage = (distance?: number) => ({
  scores: {},
  seconds: 1,
  peakMemoryBytes: 1,
  ...(distance !== undefined && { distance }),
});

it('takes the closest to fp32, and to save the closest that a file can hold', () => {
  const stages = {
    teacher: stage(),
    'ptq-min-max': stage(3),
    'ptq-mse': stage(2),
    'ptq-gptq': stage(2),
    'ptq-smoothquant+gptq': stage(1),
    sdq: stage(),
  };
  expect(ptqChoice(stages)).toEqual({
    best: 'ptq-smoothquant+gptq',
    distances: { 'ptq-min-max': 3, 'ptq-mse': 2, 'ptq-gptq': 2, 'ptq-smoothquant+gptq': 1 },
  });
  expect(savedPtq(stages)).toBe('ptq-mse');
});

it('is nothing without PTQ', () => {
  expect(ptqChoice({ teacher: stage(), qat: stage() })).toBeUndefined();
  expect(savedPtq({ 'ptq-smoothquant': stage(1) })).toBeUndefined();
});

import { expect, it } from 'vitest';
import { difference } from './settings-picture.mjs';

it('names what differs', () => {
  const base = {
    out: 'a',
    seed: 0,
    methods: ['qat'],
    plan: 'w2a8',
    distillation: { attention: 1000, logits: 10 },
  };
  const other = (distillation: object) => ({ ...base, out: 'b', seed: 1, methods: ['sdq'], distillation });
  expect(difference(other({ attention: 0, logits: 10 }), base)).toBe('attention 0');
  expect(difference(other({ attention: 1000, logits: 10, layers: [5, 11] }), base)).toBe('layers 5 11');
  expect(
    difference(other({ attention: 1000, logits: 10, losses: { 'logit-kl': 10, 'hidden-mse': 500 } }), base),
  ).toBe('logit-kl 10, hidden-mse 500');
  expect(difference({ ...base, plan: 'w4a8' }, base)).toBe('plan w4a8');
  expect(difference(base, base)).toBe('');
});

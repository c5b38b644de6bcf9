import { expect, it } from 'vitest';
import { LOSS_NAMES, namedLoss } from './named-loss.ts';

it('makes each loss under its own name, with the options that concern it', () => {
  const shape = { layers: 2, heads: 2, hiddenSize: 8 };
  for (const name of LOSS_NAMES) {
    const loss = namedLoss(name, { layers: [0], temperature: 2, relationHeads: 4 });
    expect(loss.name).toBe(name);
    const reads = (layer: number) =>
      (['query', 'attention', 'attention-output', 'hidden'] as const).some((role) =>
        loss.taps({ role, layer }, shape),
      );
    expect([reads(0), reads(1)]).toEqual([name !== 'logit-kl', false]);
  }
});

it('names what there is for a name that is not', () => {
  expect(() => namedLoss('toString')).toThrow(
    'Unknown distillation loss "toString": choose one of logit-kl,',
  );
});

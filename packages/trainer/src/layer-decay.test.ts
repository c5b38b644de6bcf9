import { familyOf } from '@sdq/models';
import { expect, it } from 'vitest';
import { layerRates } from './layer-decay.ts';

it('halves the rate from the head down to the embeddings', () => {
  const names = [
    'embeddings.word_embeddings.weight',
    ...Array.from({ length: 12 }, (_, i) => `encoder.layer.${i}.output.dense.weight`),
    'pooler.dense.weight',
    'classifier.bias',
  ];
  expect(names.map(layerRates(names, 0.5, familyOf('bert').roleOf))).toEqual([
    0.5 ** 13,
    ...Array.from({ length: 12 }, (_, i) => 0.5 ** (12 - i)),
    1,
    1,
  ]);
});

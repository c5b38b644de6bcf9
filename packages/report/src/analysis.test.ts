import type { SiteError } from '@sdq/core/results';
import { expect, it } from 'vitest';
import { attentionFinding, placeErrors, placeOf } from './analysis.ts';

const error = (site: string, part: SiteError['part'], sqnr: number | null, mse: number): SiteError => {
  const accumulated = { sqnr, mse, cosine: 1 };
  return { site, part, accumulated, local: { ...accumulated, sqnr: sqnr === null ? null : sqnr + 10 } };
};
const errors = [
  error('embeddings.LayerNorm', 'layerNorm', 1, 9),
  error('encoder.layer.0.attention.self', 'attention', 20, 0.5),
  error('encoder.layer.0.output.dense', 'linear', 30, 2),
  error('encoder.layer.0.output.dense', 'input', 3, 3),
  error('encoder.layer.1.attention.self', 'attention', 10, 0.1),
  error('encoder.layer.1.output.dense', 'linear', 40, 4),
  error('encoder.layer.0.output.LayerNorm', 'layerNorm', null, 0),
];

it('placeErrors averages the outputs of a place over the layers, the largest relative error first', () => {
  expect(placeErrors(errors)).toEqual([
    { place: 'encoder.layer.*.attention.self', part: 'attention', sqnr: 15, mse: 0.3, localSqnr: 25 },
    { place: 'encoder.layer.*.output.dense', part: 'linear', sqnr: 35, mse: 3, localSqnr: 45 },
    { place: 'encoder.layer.*.output.LayerNorm', part: 'layerNorm', sqnr: null, mse: 0, localSqnr: null },
  ]);
  expect(placeOf('encoder.layer.11.output.dense')).toEqual({
    place: 'encoder.layer.*.output.dense',
    layer: 11,
  });
  expect(placeOf('classifier')).toBeUndefined();
});

it('attentionFinding ranks attention by both measures', () => {
  const text = attentionFinding(errors);
  expect(text).toContain('Of the 3 outputs in a layer');
  expect(text).toContain('the largest accumulated error in relation to its size (15.0 dB');
  expect(text).toContain(
    'the 2nd largest mean squared error (0.30; the largest: encoder.layer.*.output.dense, 3.0)',
  );
  expect(attentionFinding([])).toBe('The model has no attention in its layers.');
});

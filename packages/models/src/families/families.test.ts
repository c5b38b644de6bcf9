import { ROLES } from '@sdq/core';
import { expect, it } from 'vitest';
import { encoderShapes, familyOf, headShapes, parseConfig, wordSite } from './index.ts';

const LAYERS = 3;

it.each(['bert', 'xlm-roberta'])('%s has a role for every parameter, and its layer', (model_type) => {
  const { config } = parseConfig(
    {
      ...{ model_type, hidden_size: 4, num_hidden_layers: LAYERS, num_attention_heads: 2 },
      ...{ intermediate_size: 8, vocab_size: 5, max_position_embeddings: 6 },
    },
    'config.json',
  );
  const { roleOf, optionalParameters } = familyOf(model_type);
  const places = [...encoderShapes(config).keys()].map((name) => roleOf(name)!);
  for (let layer = 0; layer < LAYERS; layer++) {
    // A weight and a bias each.
    const found = places.filter((place) => place.layer === layer).map(({ role }) => role);
    for (const role of ROLES.slice(2, -2)) expect(found.filter((one) => one === role)).toHaveLength(2);
    expect(found.filter((role) => role === 'norm')).toHaveLength(4);
  }
  const others = places.filter(({ layer }) => layer === undefined).map(({ role }) => role);
  expect(others).toEqual(['word-embedding', 'embedding', 'embedding', 'norm', 'norm']);
  expect(roleOf(`${wordSite(config)}.weight_packed`)?.role).toBe('word-embedding');

  const heads = (['sequence-classification', 'token-classification', 'question-answering'] as const).flatMap(
    (kind) => [...headShapes(config, { kind, labels: ['a', 'b'] }).keys()],
  );
  for (const name of [...heads, ...optionalParameters(config).keys()]) {
    expect(roleOf(name), name).toEqual({ role: 'head' });
  }
  expect(roleOf('lm_head.weight')).toBeUndefined();
});

it('refuses a family that there is not, and lists those that there are', () => {
  expect(() => familyOf('t5')).toThrow('Unknown model family "t5": choose one of bert, xlm-roberta');
});

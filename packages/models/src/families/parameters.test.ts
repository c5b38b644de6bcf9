import { Random } from '@sdq/core';
import { expect, it } from 'vitest';
import { parseConfig } from './config.ts';
import { initialHead } from './parameters.ts';

const { config } = parseConfig(
  {
    model_type: 'bert',
    hidden_size: 256,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    intermediate_size: 64,
    vocab_size: 10,
    max_position_embeddings: 8,
  },
  '',
);
const head = { kind: 'sequence-classification', labels: ['a', 'b', 'c'] } as const;

it('draws weights from N(0, 0.02), and zero biases', () => {
  const tensors = initialHead(config, head, new Random(3));
  expect([...tensors.keys()]).toEqual([
    'pooler.dense.weight',
    'pooler.dense.bias',
    'classifier.weight',
    'classifier.bias',
  ]);
  const { data } = tensors.get('pooler.dense.weight')!;
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  expect(Math.abs(mean)).toBeLessThan(4 * (0.02 / 256));
  expect(Math.abs(deviation - 0.02)).toBeLessThan(4 * (0.02 / Math.sqrt(2 * data.length)));
  expect(tensors.get('classifier.bias')?.data).toEqual(new Float32Array(3));
});

it('draws the same from the same seed', () => {
  expect(initialHead(config, head, new Random(3))).toEqual(initialHead(config, head, new Random(3)));
  expect(initialHead(config, head, new Random(3))).not.toEqual(initialHead(config, head, new Random(4)));
});

it('refuses a head without labels', () => {
  const none = { kind: 'token-classification', labels: [] } as const;
  expect(() => initialHead(config, none, new Random(0))).toThrow('at least one label');
});

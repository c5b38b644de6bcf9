import { describe, expect, it } from 'vitest';
import { configFile, maxSequenceLength, parseConfig } from './config.ts';

const small = {
  model_type: 'xlm-roberta',
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 64,
  vocab_size: 120,
  max_position_embeddings: 24,
};
const parse = (changes: object) => parseConfig({ ...small, ...changes }, 'config.json');

describe('parseConfig', () => {
  it("takes the Hugging Face library's defaults for what is left out", () => {
    expect(parse({}).config).toMatchObject({
      padId: 1,
      tokenTypes: 2,
      layerNormEpsilon: 1e-12,
      classifierDropout: 0.1,
    });
    expect(parse({ model_type: 'bert' }).config.padId).toBe(0);
    expect(parse({ hidden_dropout_prob: 0, classifier_dropout: 0.3 }).config.classifierDropout).toBe(0.3);
  });

  it('reads the labels in order of their ids', () => {
    const { head } = parse({
      architectures: ['XLMRobertaForTokenClassification'],
      id2label: { 1: 'B-PER', 0: 'O', 2: 'B-LOC' },
    });
    expect(head).toEqual({ kind: 'token-classification', labels: ['O', 'B-PER', 'B-LOC'] });
  });

  it('knows no head for an unknown class', () => {
    expect(parse({ architectures: ['XLMRobertaForMaskedLM'] }).head).toBeUndefined();
  });

  it.each([
    [
      'another family',
      { model_type: 'llama' },
      'Unknown model family "llama": choose one of bert, xlm-roberta',
    ],
    ['another activation', { hidden_act: 'relu' }, 'unsupported hidden_act "relu"'],
    [
      'relative positions',
      { position_embedding_type: 'relative_key' },
      'unsupported position_embedding_type',
    ],
    ['a decoder', { is_decoder: true }, 'unsupported is_decoder'],
    ['a missing size', { hidden_size: undefined }, 'hidden_size is not usable'],
    ['a size beyond bounds', { vocab_size: 1e9 }, 'vocab_size is not usable'],
    ['a fraction of a layer', { num_hidden_layers: 1.5 }, 'num_hidden_layers is not usable'],
    ['heads that do not divide', { num_attention_heads: 5 }, 'no multiple of num_attention_heads 5'],
    ['no position left', { max_position_embeddings: 2 }, 'leaves no position'],
    ['a hole in the labels', { architectures: ['XForTokenClassification'], id2label: { 1: 'a' } }, 'label 0'],
  ])('refuses %s', (_, changes, message) => {
    expect(() => parse(changes)).toThrow(message);
  });

  it('refuses what is no object', () => {
    expect(() => parseConfig('bert', 'config.json')).toThrow('config.json: the file is not usable');
  });

  it('reads what configFile writes', () => {
    const { config } = parse({ layer_norm_eps: 1e-5 });
    for (const head of [
      undefined,
      { kind: 'sequence-classification', labels: ['a', 'b'] } as const,
      { kind: 'question-answering', labels: ['start', 'end'] } as const,
    ]) {
      expect(parseConfig(configFile(config, head), '')).toEqual({ config, head, quantization: undefined });
    }
  });
});

it("leaves XLM-R's sequences the positions after the padding id", () => {
  expect(maxSequenceLength(parse({ max_position_embeddings: 514 }).config)).toBe(512);
  expect(maxSequenceLength(parse({ model_type: 'bert', max_position_embeddings: 512 }).config)).toBe(512);
});

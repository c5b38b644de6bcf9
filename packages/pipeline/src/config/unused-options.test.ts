import { describe, expect, it } from 'vitest';
import { type RunOptions, resolveRunConfig } from './run-config.ts';
import { unusedOptions } from './unused-options.ts';

const base = { task: 'POS', data: 'xglue', model: 'e5', out: 'runs/pos' };
const configOf = (options: Partial<RunOptions>) => resolveRunConfig({ ...base, ...options });
const found = (options: Partial<RunOptions>) => unusedOptions(configOf(options));

describe('unusedOptions', () => {
  it('says nothing of defaults, and of options that a method reads', () => {
    expect(found({})).toEqual([]);
    expect(found({ methods: ['ptq'] })).toEqual([]);
    expect(
      found({
        methods: ['qnat-sdq', 'ipq'],
        noise: { share: 0.2 },
        products: { centroids: 16 },
        quantized: { epochs: 3 },
        finetune: { epochs: 7 },
        teacherCache: { bytes: 1e6 },
        distillation: {
          losses: { 'logit-kl': 1, 'minilm-relations': 1 },
          temperature: 2,
          layers: 'last',
          relationHeads: 4,
        },
      }),
    ).toEqual([]);
    // A resolved configuration is options too.
    expect(unusedOptions(resolveRunConfig(configOf({ methods: ['ptq'] })))).toEqual([]);
  });

  it.each<[Partial<RunOptions>, string]>([
    [{ noise: { share: 0.2 } }, 'noise.share has no effect in this run: no method is qnat or qnat-sdq.'],
    [
      { products: { blockSize: 4, centroids: 16 } },
      'products.blockSize, products.centroids have no effect in this run: no method is ipq or ipq-sdq.',
    ],
    [
      { methods: ['ptq'], quantized: { epochs: 9, tokensPerBatch: 512 } },
      'quantized.epochs has no effect in this run: no method trains a student.',
    ],
    [
      { teacher: 'teacher', finetune: { learningRate: 1, tokensPerBatch: 512 } },
      'finetune.learningRate has no effect in this run: its teacher is given.',
    ],
    [
      { methods: ['qat'], teacherCache: { bytes: 1e6 }, distillation: { losses: { 'logit-kl': 1 } } },
      'teacherCache, distillation.losses have no effect in this run: no method distils.',
    ],
    [
      { distillation: { losses: { 'hidden-mse': 1 }, temperature: 2 } },
      'distillation.temperature has no effect in this run: of its losses (hidden-mse) none reads it.',
    ],
    [
      { distillation: { losses: { 'logit-kl': 1 }, layers: 'last' } },
      'distillation.layers has no effect in this run: of its losses (logit-kl) none reads it.',
    ],
    [
      { distillation: { relationHeads: 4 } },
      'distillation.relationHeads has no effect in this run: of its losses (logit-kl, att-kld) none reads it.',
    ],
    [
      { methods: ['sdq-mse'], distillation: { losses: { 'logit-kl': 1 } } },
      'distillation.losses has no effect in this run: sdq-mse has losses of its own.',
    ],
  ])('says which options no method or loss reads: %j', (options, sentence) => {
    expect(found(options)).toEqual([sentence]);
  });
});

describe('losses and the weights that they replace', () => {
  const losses = { 'logit-kl': 1, 'hidden-mse': 2 };

  it('are refused together', () => {
    expect(() => configOf({ distillation: { losses, logits: 5, attention: 2 } })).toThrow(
      'distillation.losses (--losses) replaces distillation.logits (--alpha) and distillation.attention (--beta): give the weights as those of logit-kl and att-kld in losses.',
    );
    expect(() => configOf({ methods: ['sdq', 'qat'], distillation: { losses, attention: 2 } })).toThrow(
      /replaces distillation\.attention \(--beta\): /,
    );
  });

  it('are both read where sdq-mse is among the methods', () => {
    const { distillation } = configOf({ methods: ['sdq', 'sdq-mse'], distillation: { losses, logits: 5 } });
    expect(distillation).toMatchObject({ losses, logits: 5 });
  });
});

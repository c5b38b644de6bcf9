import { expect, it } from 'vitest';
import { METHODS, type MethodConfig, methodOfVersion, scoredVersions, versionLabel } from './methods.ts';

const distillation = { task: 1, logits: 10, attention: 1000, temperature: 1 };
const CONFIG: MethodConfig = { distillation };

const labels = (config: MethodConfig) =>
  Object.fromEntries(METHODS.map(({ version }) => [version, versionLabel(version, config)]));
const made = (version: string, config: MethodConfig = CONFIG) => methodOfVersion(version)!.made(config);

it('a label says which losses the configuration distils, for every method that distils', () => {
  expect(labels(CONFIG)).toEqual({
    ptq: 'PTQ',
    qat: 'QAT',
    qnat: 'QNAT (Quant-Noise)',
    ipq: 'iPQ',
    sdq: 'SDQ (Att-KLD)',
    sdqMse: 'SDQ (Att-MSE)',
    qnatSdq: 'QNAT + SDQ (Att-KLD)',
    ipqSdq: 'iPQ + SDQ (Att-KLD)',
  });
  const losses = { 'hidden-mse': 1, 'minilm-relations': { from: 0, to: 3 }, 'att-kld': 0 };
  expect(labels({ distillation: { ...distillation, losses } })).toMatchObject({
    sdq: 'SDQ (hidden-mse, minilm-relations)',
    sdqMse: 'SDQ (Att-MSE)',
    qnatSdq: 'QNAT + SDQ (hidden-mse, minilm-relations)',
    ipqSdq: 'iPQ + SDQ (hidden-mse, minilm-relations)',
  });
});

it('a loss of weight 0 is not in the label, and the losses of the paper have its name however they were asked for', () => {
  const label = (changes: object) =>
    versionLabel('ipqSdq', { distillation: { ...distillation, ...changes } });
  expect(label({ attention: 0 })).toBe('iPQ + SDQ (logit-kl)');
  expect(label({ logits: 0 })).toBe('iPQ + SDQ (att-kld)');
  expect(label({ logits: 0, attention: 0 })).toBe('iPQ + SDQ (no losses)');
  expect(label({ losses: { 'att-kld': 1, 'logit-kl': 2 } })).toBe('iPQ + SDQ (Att-KLD)');
  expect(label({ losses: { 'logit-kl': { from: 0, to: 0 }, 'hidden-mse': 1 } })).toBe(
    'iPQ + SDQ (hidden-mse)',
  );
});

it('a label says nothing about losses that a file of an older run does not tell', () => {
  expect(labels({ distillation: {} })).toMatchObject({ sdq: 'SDQ', sdqMse: 'SDQ', qnatSdq: 'QNAT + SDQ' });
});

it('the recipes of PTQ have labels of their own, by their old names too', () => {
  const names = ['ptqMinMax', 'ptqPercentile', 'ptq-smoothquant+gptq', 'ptq'];
  expect(names.map((version) => versionLabel(version, CONFIG))).toEqual([
    'PTQ min-max',
    'PTQ percentile',
    'PTQ smoothquant+gptq',
    'PTQ',
  ]);
  expect(names.map((version) => methodOfVersion(version)?.key)).toEqual(['ptq', 'ptq', 'ptq', 'ptq']);
  expect(methodOfVersion('fp32')).toBeUndefined();
  const scores = { qnatSdq: {}, ptq: {}, sdq: {}, 'ptq-mse': {}, qat: {}, ptqMinMax: {}, fp32: {} };
  expect(scoredVersions(scores)).toEqual(['fp32', 'ptq-mse', 'ptqMinMax', 'qat', 'sdq', 'qnatSdq']);
});

it('each method tells how its student was made, and no two alike', () => {
  const all = METHODS.map(({ version }) => made(version));
  expect(new Set(all).size).toBe(METHODS.length);
  expect(made('sdq')).toContain('its logits and its attention outputs (Att-KLD)');
  const options = {
    noise: { share: 0.25, blockSize: 4 },
    products: { blockSize: 8, centroids: 64 },
    distillation: { ...distillation, losses: { 'hidden-mse': 1 } },
  };
  expect(made('qnat', options)).toContain('a random 25 % of the blocks of 4 inputs of each weight');
  expect(made('ipq', options)).toContain('at most 64 different blocks of 8 inputs a weight');
  for (const version of ['qnatSdq', 'ipqSdq', 'sdq'])
    expect(made(version, options)).toContain('by the loss hidden-mse (');
  expect(made('qnatSdq', options)).toContain('Quant-Noise');
  expect(made('ipqSdq', options)).toContain('product quantization');
  expect(made('sdq', { distillation: {} })).toContain('the fp32 model teaches its quantized copy ([');
});

it('ranks and names of methods are different, and their baselines are versions', () => {
  for (const field of ['key', 'version', 'rank'] as const) {
    expect(new Set(METHODS.map((method) => method[field])).size).toBe(METHODS.length);
  }
  const versions = ['fp32', ...METHODS.map(({ version }) => version)];
  for (const { baselines } of METHODS) expect(versions).toEqual(expect.arrayContaining([...baselines]));
});

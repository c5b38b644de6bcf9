import { METHODS, type Results } from '@sdq/core/results';
import { resolveRunConfig } from '@sdq/pipeline';
import type { Precision } from '@sdq/serve';
import { expect, it } from 'vitest';
import { baseName, type CardFacts, modelCard } from './model-card.ts';

const scores = { en: 0.9, de: 0.8 };
const paths = { task: 'NC', data: '/home/me/xglue', out: 'runs/nc' };
const results = (options: object, more: object = { trainLanguages: ['en'] }) =>
  ({
    ...{ task: 'NC', metric: 'accuracy', seconds: 3600, machine: 'a machine', ...more },
    scores: Object.fromEntries(
      ['fp32', ...METHODS.map(({ version }) => version)].map((one) => [one, scores]),
    ),
    config: resolveRunConfig({ model: 'models/e5', ...paths, ...options }),
  }) as unknown as Results;

const plain: Precision = {
  weightBits: [4, 8],
  matrices: { integers: 76, codebooks: 0, floats: 0 },
  inputs: [{ layers: 73, bits: 8, perToken: false }],
};
const card = (version: string, run = results({}), more: Partial<CardFacts> = {}) =>
  modelCard({
    head: { kind: 'sequence-classification', labels: ['farm', 'sea'] },
    precision: plain,
    bytes: 1e6,
    license: undefined,
    run: { results: run, version },
    sdqVersion: '0.0.0',
    ...more,
  });

it('tells of every method how the student was made', () => {
  for (const { version, made } of METHODS) {
    const run = results({});
    expect(card(version, run)).toContain(`That model was then ${made(run.config)}.`);
  }
  expect(card('fp32')).not.toContain('was then');
  const losses = { 'hidden-mse': 3 };
  const distilled = results({ distillation: { losses } });
  for (const version of ['sdq', 'qnatSdq', 'ipqSdq']) {
    expect(card(version, distilled)).toContain('by the loss hidden-mse (');
    expect(card(version, distilled)).not.toContain('Att-KLD');
  }
  expect(card('sdqMse', distilled)).toContain('attention outputs (Att-MSE)');
});

it('tells the precision that the model has, in its words, its tags and its use', () => {
  expect(card('sdq')).toContain(
    'Weights in 4 and 8 bits, inputs of 73 layers in 8 bits; safetensors; 1.0 MB.',
  );
  expect(card('sdq')).toContain('  - int4/8\n');
  const floats: Precision = {
    weightBits: [],
    matrices: { integers: 0, codebooks: 0, floats: 76 },
    inputs: [],
  };
  const teacher = card('fp32', results({}), { precision: floats });
  expect(teacher).toContain('Weights in float32; safetensors');
  expect(teacher).not.toContain('compressed-tensors');
  const operators = ['Add', 'Cast', 'MatMulNBits', 'QuantizeLinear'];
  expect(card('sdq', results({}), { onnx: { operators, opset: 17 } })).toContain(
    'ONNX, operator set 17 with QuantizeLinear, MatMulNBits;',
  );
  expect(card('sdq', results({}), { onnx: { operators: ['MatMul'], opset: 17 } })).toContain('set 17;');
  const products = { ...plain, matrices: { integers: 76, codebooks: 40, floats: 0 } };
  expect(card('ipq', results({}), { precision: products })).toContain('40 of 76 matrices as codebooks');
  // The library refuses sdq's own formats.
  expect(card('ipq', results({}), { precision: products })).not.toContain('from transformers');
  expect(card('sdq')).toContain('from transformers');
});

it('claims no training data, benchmark or licence that the run does not tell', () => {
  expect(card('sdq')).toContain('Fine-tuned on English alone: every other language is zero-shot.');
  expect(card('sdq')).toContain('Started from e5.\nFine-tuned in float32 on the English training set.');
  // The data folder may hold another set under the name of a task.
  expect(card('sdq')).not.toContain('XGLUE');
  const old = card('sdq', results({}, {}));
  expect(old).not.toContain('English');
  expect(card('sdq', results({}, { trainLanguages: ['sw'] }))).toContain('on the Swahili training set');
  const elsewhere = results({ teacher: '/home/me/elsewhere' }, { trainLanguages: ['en'], teacherRecord: {} });
  expect(baseName(elsewhere)).toBeUndefined();
  const given = card('sdq', elsewhere);
  expect(given).toContain('which languages it was fine-tuned on is not recorded');
  expect(given).toContain('A fine-tuned model in float32 was given to the run.');
  expect(given).not.toContain('Started from');
  expect(given).not.toContain('/home/me');
  expect(given).toContain('| without en average |');
  const record = { model: 'models/e5', trainLanguages: ['en'] };
  const known = results({ teacher: 'runs/nc/teacher' }, { trainLanguages: ['en'], teacherRecord: record });
  expect(baseName(known)).toBe('e5');
  expect(card('sdq', known)).toContain('| zero-shot average |');
});

it('says on how many examples the scores are, where there was a limit', () => {
  expect(card('sdq', results({ devLimit: 20 }))).toContain('the first 20 examples of each language at most');
  expect(card('sdq')).not.toContain('the first');
});

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reporter } from '@sdq/core';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { evaluate, resolveRunConfig, run } from '@sdq/pipeline';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeTinyData, writeTinyModel } from '../../pipeline/test/tiny-task.ts';
import { loadModel } from '../src/backends/load-model.ts';
import { type ExportFlags, exportAction } from '../src/commands/export-action.ts';
import { verify } from '../src/commands/verify-action.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-export-'));
const [data, base, made] = [join(root, 'xglue'), join(root, 'base'), join(root, 'run')];
const [student, teacher] = [join(made, 'student'), join(made, 'teacher')];
const silent: Reporter = { message() {}, start() {}, progress() {}, stop() {}, event() {} };

beforeAll(async () => {
  await useSdqCpu();
  writeTinyData(data);
  await writeTinyModel(base);
  const config = resolveRunConfig({
    task: 'NC',
    data,
    model: base,
    out: made,
    methods: ['ptq'],
    ptq: ['min-max'],
    finetune: { epochs: 8, learningRate: 0.005, tokensPerBatch: 128 },
  });
  await run(config, silent, { backend: 'sdq-cpu' });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const files = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.'))
    .sort();
const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

async function exported(model: string, out: string, flags: Partial<ExportFlags> = {}): Promise<string> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await exportAction(model, { format: 'onnx', target: 'cpu', out, ...flags });
    return write.mock.calls.map(([text]) => String(text)).join('');
  } finally {
    write.mockRestore();
  }
}

const verified = (folder: string, against: string) =>
  verify(folder, { against, task: 'NC', xglue: data, devLimit: 100 }, silent);

describe('sdq export, verify and evaluate', () => {
  it.each([
    ['cpu', student, 'model_quantized.onnx', 'qoperator'],
    ['web', student, 'model_quantized.onnx', 'qdq'],
    ['cpu', teacher, 'model.onnx', undefined],
  ] as const)('writes for %s a folder that answers as the model does', async (target, model, file, form) => {
    const out = join(root, `${target}-${file}`);
    const printed = JSON.parse(await exported(model, out, { target, json: true }));
    expect(printed).toMatchObject({ folder: out, format: 'onnx', ...(form && { form }) });
    expect(files(out)).toEqual([
      'README.md',
      'config.json',
      'export.json',
      `onnx/${file}`,
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(json(join(out, 'config.json'))).toMatchObject({
      'transformers.js_config': { dtype: form ? 'q8' : 'fp32' },
      id2label: json(join(model, 'config.json')).id2label,
    });
    expect(json(join(out, 'config.json')).quantization_config).toBeUndefined();
    expect(json(join(out, 'tokenizer_config.json'))).toMatchObject({
      cls_token: '<s>',
      sep_token: '</s>',
      unk_token: '<unk>',
    });

    const { same, all, languages } = await verified(out, model);
    expect(same).toBe(true);
    expect(all).toMatchObject({ different: 0 });
    expect(all.predictions).toBeGreaterThan(20);
    expect(all.largestDifference).toBeLessThan(form === 'qdq' ? 0.05 : 1e-3);
    expect(Object.keys(languages)).toEqual(['en', 'de']);

    const ask = { task: 'NC', data, load: loadModel };
    const own = await evaluate({ model: out, ...ask }, silent);
    expect(own.scores).toEqual((await evaluate({ model, ...ask }, silent)).scores);
    expect(own.quantized).toBe(form !== undefined);
    // Of the file under onnxruntime as of the model in process.
    expect(own.precision).toBe((await loadModel(model)).precision);
    expect(own.precision).toMatch(form ? /^weights in 8 bits, inputs of \d+ layers in 8 bits$/ : /^float32$/);
  });

  it('writes safetensors that are read as the student is', async () => {
    const out = join(root, 'safetensors');
    await exported(student, out, { format: 'safetensors' });
    expect(json(join(out, 'config.json')).quantization_config.quant_method).toBe('compressed-tensors');
    expect((await verified(out, student)).all).toMatchObject({ different: 0, largestDifference: 0 });
    await exported(teacher, out, { format: 'safetensors', force: true });
    expect((await verified(out, teacher)).all).toMatchObject({ different: 0, largestDifference: 0 });
  });

  it('writes a card with the scores of the run, and no path of this machine', async () => {
    const out = join(root, 'card');
    await exported(student, out, { license: 'apache-2.0' });
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    const { scores } = json(join(made, 'results.json'));
    expect(card).toMatch(
      /^---\nlicense: apache-2.0\nlanguage:\n {2}- en\n {2}- de\npipeline_tag: text-classification\n/,
    );
    expect(card).toContain(
      `| de | ${(100 * scores.ptq.de).toFixed(1)} | ${(100 * scores.fp32.de).toFixed(1)} |`,
    );
    expect(card).not.toContain(root);
    expect(card).toMatch(
      /Weights in 8 bits, inputs of \d+ layers in 8 bits; ONNX, operator set 17 with QuantizeLinear, MatMulInteger;/,
    );
    expect(card).toContain('That model was then quantized after training (PTQ) by the recipe min-max.');
    expect(card).toContain('Fine-tuned on English alone');
  });

  it('tells one model from another', async () => {
    const out = join(root, 'other');
    await exported(student, out);
    expect((await verified(out, teacher)).all.largestDifference).toBeGreaterThan(1e-3);
    const config = join(out, 'config.json');
    const { id2label, ...rest } = json(config);
    const turned = Object.fromEntries(Object.keys(id2label).map((id) => [id, `label ${id}`]));
    writeFileSync(config, JSON.stringify({ ...rest, id2label: turned }));
    await expect(verified(out, student)).rejects.toThrow('have different heads');
  });
});

describe('bad input gets one sentence, and nothing is written', () => {
  const out = join(root, 'new');
  const refused = async (model: string, flags: Partial<ExportFlags>, message: RegExp) => {
    const before = files(root);
    await expect(exported(model, out, flags)).rejects.toThrow(message);
    expect(files(root)).toEqual(before);
  };

  it('models that cannot be exported', async () => {
    await refused(join(root, 'none'), {}, /^No folder .*none/);
    await refused(base, {}, /has no classification head: fine-tune it first/);
    await refused(teacher, { nibbles: true }, /is not quantized: --nibbles/);
    await refused(teacher, { format: 'safetensors', nibbles: true }, /^--nibbles is for --format onnx/);
    await refused(teacher, { format: 'safetensors', target: 'web' }, /^--target web is for --format onnx/);
    const config = join(student, 'config.json');
    const before = readFileSync(config, 'utf8');
    try {
      const two = JSON.parse(before);
      two.id2label['1'] = two.id2label['0'];
      writeFileSync(config, JSON.stringify(two));
      await refused(student, {}, /has two labels named/);
    } finally {
      writeFileSync(config, before);
    }
  });

  it('folders that are there', async () => {
    await refused(student, { out: student, force: true }, /holds the model itself/);
    await refused(student, { out: made, force: true }, /holds the model itself/);
    await refused(student, { out: data }, /exists: choose another, or replace it with --force/);
    await refused(student, { out: data, force: true }, /by which this command knows what it wrote/);
  });

  it('files that are damaged', async () => {
    const damaged = join(root, 'damaged');
    await exported(student, damaged);
    writeFileSync(join(damaged, 'onnx/model_quantized.onnx'), 'damaged');
    await expect(verified(damaged, student)).rejects.toThrow('onnxruntime cannot load');
  });

  it('ends with exit code 2', () => {
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const args = ['export', student, '--out', data];
    const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    expect(stderr).toBe(`sdq: The folder ${data} exists: choose another, or replace it with --force.\n`);
    expect(stdout).toBe('');
    expect(status).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { perChannel } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logitsUnderOnnxruntime } from '../test/onnxruntime.ts';
import {
  FAMILIES,
  floatLogits,
  KINDS,
  maxDifference,
  perToken,
  quantize,
  tinyBatch,
  tinyModel,
} from '../test/tiny-models.ts';
import { decodeModelProto } from './schema.ts';
import { writeOnnx } from './write-onnx.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const python = process.env.SDQ_ORACLE_PYTHON ?? join(root, '.oracles/bin/python');
const hasOnnx = existsSync(python) && spawnSync(python, ['-c', 'import onnx']).status === 0;

const folder = mkdtempSync(join(tmpdir(), 'sdq-onnx-'));
beforeAll(() => tf.setBackend('cpu'));
afterAll(() => rmSync(folder, { recursive: true }));

it('puts weights beyond a bound into a file beside the graph', async () => {
  const model = tinyModel('xlm-roberta', 'sequence-classification');
  const batch = tinyBatch(model.config);
  const file = join(folder, 'large.onnx');
  const { files, bytes } = await writeOnnx(file, model, {}, 10_000);
  expect(files).toEqual([file, `${file}_data`]);
  expect(statSync(file).size + statSync(`${file}_data`).size).toBe(bytes);
  expect(
    maxDifference(await logitsUnderOnnxruntime(file, model, batch), floatLogits(model, batch)),
  ).toBeLessThan(1e-4);
  const { initializer } = decodeModelProto(readFileSync(file)).graph;
  const references = initializer.filter(({ externalData }) => (externalData ?? []).length > 0);
  expect(references.length).toBeGreaterThan(10);
  for (const { externalData } of references) {
    const fields = Object.fromEntries(externalData!.map(({ key, value }) => [key, value]));
    // A name and no path: the files can move together.
    expect(fields.location).toBe('large.onnx_data');
    expect(Number(fields.offset) % 4096).toBe(0);
  }
});

it('writes the same bytes again, and leaves nothing when a model cannot be written', async () => {
  const model = quantize(tinyModel('bert', 'token-classification'), perChannel(8));
  const empty = mkdtempSync(join(folder, 'empty-'));
  const [first, second] = [join(folder, 'a.onnx'), join(folder, 'b.onnx')];
  await writeOnnx(first, model);
  await writeOnnx(second, model);
  expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
  const floats = new Map([...model.floats].filter(([name]) => name !== 'classifier.bias'));
  await expect(writeOnnx(join(empty, 'model.onnx'), { ...model, floats })).rejects.toThrow('classifier.bias');
  expect(readdirSync(empty)).toEqual([]);
});

describe.skipIf(!hasOnnx)('passes the checker and shape inference of the onnx package', () => {
  it.each(FAMILIES)('%s', async (family) => {
    const files: string[] = [];
    for (const kind of KINDS) {
      const model = tinyModel(family, kind);
      const [wide, narrow] = [quantize(model, perChannel(8)), quantize(model, perChannel(4))];
      const versions = [
        [model, {}],
        [wide, { form: 'qdq' }],
        [wide, { form: 'qdq', weightType: 'int8' }],
        [wide, { form: 'qoperator' }],
        [perToken(wide, 8), { form: 'qoperator' }],
        [narrow, { nibbles: true }],
      ] as const;
      for (const [i, [version, options]] of versions.entries()) {
        const file = join(folder, `${family}-${kind}-${i}.onnx`);
        await writeOnnx(file, version, options);
        files.push(file);
      }
      const outside = join(folder, `${family}-${kind}-external.onnx`);
      await writeOnnx(outside, model, {}, 10_000);
      files.push(outside);
    }
    const { status, stdout, stderr } = spawnSync(
      python,
      [join(root, 'tooling/oracles/onnx/check.py'), ...files],
      {
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual(files.map((file) => `ok ${file}`));
    expect(status).toBe(0);
  });
});

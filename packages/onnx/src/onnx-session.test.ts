import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveModel } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { floatLogits, maxDifference, tinyBatch, tinyModel } from '../test/tiny-models.ts';
import { WHOLE_FILE } from './export-files.ts';
import { OnnxSession } from './onnx-session.ts';
import { writeOnnx } from './write-onnx.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdq-session-'));
const model = tinyModel('xlm-roberta', 'token-classification');
beforeAll(async () => {
  await tf.setBackend('cpu');
  await saveModel(folder, { ...model, tokenizerFrom: undefined });
  mkdirSync(join(folder, 'onnx'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('says what is missing in a folder', async () => {
  await expect(OnnxSession.open(folder)).rejects.toThrow(
    `${folder} has no onnx/model_quantized.onnx or onnx/model.onnx: export a model first.`,
  );
});

it('runs the model of a folder', async () => {
  await writeOnnx(join(folder, WHOLE_FILE), model);
  const session = await OnnxSession.open(folder, { threads: 1 });
  const batch = tinyBatch(model.config);
  const { shape, data } = await session.logits(batch);
  expect(shape).toEqual([24, 3]);
  expect(maxDifference(data, floatLogits(model, batch))).toBeLessThan(1e-4);
  await session.close();
});

it('names a file that onnxruntime cannot read', async () => {
  writeFileSync(join(folder, WHOLE_FILE), 'no model');
  await expect(OnnxSession.open(folder)).rejects.toThrow(
    `onnxruntime cannot load ${join(folder, WHOLE_FILE)}`,
  );
});

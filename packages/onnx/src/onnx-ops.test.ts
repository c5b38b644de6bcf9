import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logitsUnderOnnxruntime } from '../test/onnxruntime.ts';
import {
  FAMILIES,
  floatLogits,
  KINDS,
  maxDifference,
  sequenceOf,
  tinyBatch,
  tinyModel,
} from '../test/tiny-models.ts';
import { onnxModel } from './onnx-model.ts';
import { writeOnnx } from './write-onnx.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdq-onnx-'));
beforeAll(() => tf.setBackend('cpu'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(FAMILIES)('%s', (family) => {
  it.each(KINDS)('gives the logits of the float interpreter under onnxruntime: %s', async (kind) => {
    const model = tinyModel(family, kind);
    const file = join(folder, `${family}-${kind}.onnx`);
    await writeOnnx(file, model);
    const batch = tinyBatch(model.config);
    const expected = floatLogits(model, batch);
    expect(maxDifference(await logitsUnderOnnxruntime(file, model, batch), expected)).toBeLessThan(1e-4);
    // A sequence alone has no padding: it says that padding changes nothing.
    const alone = sequenceOf(batch, 3);
    const found = await logitsUnderOnnxruntime(file, model, alone);
    expect(maxDifference(found, floatLogits(model, alone))).toBeLessThan(1e-4);
  });

  it('names inputs and outputs as transformers.js does, and its operator set', () => {
    const types = family === 'bert' ? ['token_type_ids'] : [];
    const outputs = { 'question-answering': ['start_logits', 'end_logits'] } as Record<string, string[]>;
    for (const kind of KINDS) {
      const { graph, opsetImport } = onnxModel(tinyModel(family, kind));
      expect(graph.input.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask', ...types]);
      expect(graph.output.map(({ name }) => name)).toEqual(outputs[kind] ?? ['logits']);
      expect(opsetImport).toEqual([{ domain: '', version: 17 }]);
    }
  });

  it('gives the last hidden state of a model without a head', () => {
    const { config, tensors } = tinyModel(family, 'token-classification');
    const { graph } = onnxModel({ config, head: undefined, tensors });
    expect(graph.output.map(({ name }) => name)).toEqual(['last_hidden_state']);
  });
});

it('names a missing parameter', () => {
  const model = tinyModel('bert', 'token-classification');
  const tensors = new Map(model.tensors);
  tensors.delete('classifier.bias');
  expect(() => onnxModel({ ...model, tensors })).toThrow('The model has no parameter "classifier.bias".');
});

it('refuses options of integers for a model in floats', () => {
  expect(() => onnxModel(tinyModel('bert', 'token-classification'), { form: 'qdq' })).toThrow(
    'The model is not quantized: its numbers can stand in the graph as floats only.',
  );
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QuantizedModel } from '@sdq/models';
import { perChannel, perGroup } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countOperators, logitsUnderOnnxruntime, operatorsThatRun } from '../test/onnxruntime.ts';
import {
  argMax,
  FAMILIES,
  KINDS,
  maxDifference,
  perToken,
  quantize,
  quantizedLogits,
  tinyBatch,
  tinyModel,
} from '../test/tiny-models.ts';
import { type OnnxOptions, onnxModel } from './onnx-model.ts';
import { writeOnnx } from './write-onnx.ts';

const folder = mkdtempSync(join(tmpdir(), 'sdq-onnx-'));
beforeAll(() => tf.setBackend('cpu'));
afterAll(() => rmSync(folder, { recursive: true }));

async function written(model: QuantizedModel, options: OnnxOptions): Promise<string> {
  const file = join(folder, 'model.onnx');
  await writeOnnx(file, model, options);
  return file;
}

describe.each(FAMILIES)('%s', (family) => {
  describe.each(KINDS)('%s', (kind) => {
    const model = tinyModel(family, kind);
    const batch = tinyBatch(model.config);

    it('gives the logits of simulated quantization in operator form', async () => {
      const quantized = quantize(model, perChannel(8));
      const file = await written(quantized, { form: 'qoperator' });
      const found = await logitsUnderOnnxruntime(file, model, batch);
      expect(maxDifference(found, quantizedLogits(quantized, batch))).toBeLessThan(1e-3);
    });

    it('gives them with signed weights too, where no processor saturates', async () => {
      // Two products of 7 by 8 bits fit the 16 bits that some processors add them in.
      const quantized = quantize(model, perChannel(8), 7);
      const file = await written(quantized, { form: 'qoperator', weightType: 'int8' });
      const found = await logitsUnderOnnxruntime(file, model, batch);
      expect(maxDifference(found, quantizedLogits(quantized, batch))).toBeLessThan(1e-3);
    });

    it('gives its predictions as QDQ', async () => {
      const quantized = quantize(model, perChannel(8));
      const expected = quantizedLogits(quantized, batch);
      const file = await written(quantized, { form: 'qdq' });
      const found = await logitsUnderOnnxruntime(file, model, batch);
      const columns = model.head.labels.length;
      expect(argMax(found, columns)).toEqual(argMax(expected, columns));
      expect(maxDifference(found, expected)).toBeLessThan(0.05);
    });

    it('gives the logits of grids by token', async () => {
      const quantized = perToken(quantize(model, perChannel(8)), 8);
      const expected = quantizedLogits(quantized, batch);
      for (const form of ['qoperator', 'qdq'] as const) {
        const file = await written(quantized, { form });
        const found = await logitsUnderOnnxruntime(file, model, batch);
        expect(maxDifference(found, expected)).toBeLessThan(1e-3);
      }
    });
  });
});

describe('what runs', () => {
  const model = tinyModel('bert', 'sequence-classification');
  // Six a layer and two in the head.
  const linears = 6 * model.config.layers + 2;
  // Scores and contexts of attention.
  const floatProducts = 2 * model.config.layers;

  it('multiplies integers in operator form, and looks embeddings up as integers', async () => {
    const quantized = quantize(model, perChannel(8));
    const { graph } = onnxModel(quantized, { form: 'qoperator' });
    expect(countOperators(graph.node)).toMatchObject({ MatMulInteger: linears, MatMul: floatProducts });
    const table = graph.initializer.find(({ name }) => name === 'embeddings.word_embeddings.weight')!;
    expect(table.dataType).toBe(3);
    const readers = graph.node.filter(({ input }) => input.includes(table.name));
    expect(readers.map(({ opType }) => opType)).toEqual(['Gather']);

    const runs = await operatorsThatRun(await written(quantized, { form: 'qoperator' }));
    expect(runs.MatMulInteger).toBe(linears);
    expect((runs.MatMul ?? 0) + (runs.FusedMatMul ?? 0)).toBe(floatProducts);
    expect(runs.DequantizeLinear ?? 0).toBe(0);
  });

  it('lets onnxruntime turn the products of QDQ into integers', async () => {
    const runs = await operatorsThatRun(await written(quantize(model, perChannel(8)), { form: 'qdq' }));
    // onnxruntime makes Gemm of a product and a bias of matrices before it looks for integers: the two of the head.
    expect(runs.MatMulIntegerToFloat).toBe(linears - 2);
    expect((runs.MatMul ?? 0) + (runs.FusedMatMul ?? 0)).toBe(floatProducts);
  });

  it('multiplies integers where grids come by token, in either form', () => {
    const quantized = perToken(quantize(model, perChannel(8)), 8);
    for (const form of ['qoperator', 'qdq'] as const) {
      const counts = countOperators(onnxModel(quantized, { form }).graph.node);
      expect(counts).toMatchObject({ MatMulInteger: linears, MatMul: floatProducts });
    }
  });
});

describe('weights of few bits', () => {
  const model = tinyModel('bert', 'token-classification');
  const batch = tinyBatch(model.config);

  it.each([1, 4])('gives the logits of %i bits a weight in operator form', async (bits) => {
    const quantized = quantize(model, perChannel(bits));
    const file = await written(quantized, { form: 'qoperator' });
    const found = await logitsUnderOnnxruntime(file, model, batch);
    expect(maxDifference(found, quantizedLogits(quantized, batch))).toBeLessThan(1e-3);
  });

  it.each([
    ['channel', perChannel(4)],
    ['group of 16', perGroup(4, 16)],
  ])('stores two to a byte as MatMulNBits, a scale a %s', async (_, quantizer) => {
    const quantized = quantize(model, quantizer);
    const found = await logitsUnderOnnxruntime(
      await written(quantized, { form: 'qdq', nibbles: true }),
      model,
      batch,
    );
    expect(maxDifference(found, quantizedLogits(quantized, batch))).toBeLessThan(1e-3);
  });

  it('gives the logits of activations that stay float, and of activations of few bits', async () => {
    const quantized = quantize(model, perChannel(8));
    const weightsOnly = { ...quantized, grids: new Map() };
    const fewBits = quantize(model, perChannel(8), 4);
    for (const one of [weightsOnly, fewBits]) {
      const file = await written(one, { form: 'qoperator' });
      const found = await logitsUnderOnnxruntime(file, model, batch);
      expect(maxDifference(found, quantizedLogits(one, batch))).toBeLessThan(1e-3);
    }
  });

  it('refuses groups that it cannot write', () => {
    expect(() => onnxModel(quantize(model, perGroup(8, 16)))).toThrow(
      '"encoder.layer.0.attention.self.query.weight" has a scale for each 16 columns',
    );
    expect(() => onnxModel(quantize(model, perGroup(4, 8)), { nibbles: true })).toThrow(
      'MatMulNBits takes 16, 32, 64, 128, 256.',
    );
  });

  it('refuses a grid with no quantized weight beside it', () => {
    const { weights, grids, ...rest } = quantize(model, perChannel(8));
    const without = new Map([...weights].filter(([name]) => name !== 'classifier.weight'));
    const floats = new Map([...rest.floats, ['classifier.weight', model.tensors.get('classifier.weight')!]]);
    expect(() => onnxModel({ ...rest, weights: without, grids, floats })).toThrow(
      'The grid of "classifier" has no quantized weight to stand beside.',
    );
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EncoderModel, type Head, loadQuantizedModel, saveQuantizedModel } from '@sdq/models';
import {
  createPlan,
  PLAN_NAMES,
  type PlanRuleData,
  quantize,
  resolvePlan,
  sitesOf,
  storedBytes,
} from '@sdq/quantizers';
import { dequantizeModel, loadClassifier, quantizedClassifier } from '@sdq/serve';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibratedModel, postTrainedModel } from '../src/model/student.ts';
import { tinyModel } from './tiny-task.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-plans-'));
const folder = join(root, 'teacher');
const head: Head = { kind: 'token-classification', labels: ['NOUN', 'VERB', 'DET'] };
// Wide enough for groups of 128.
const HIDDEN = 128;
const batch = { ids: Int32Array.of(0, 5, 9, 12, 2, 0, 7, 6, 2), offsets: Int32Array.of(0, 5, 9) };
let model: EncoderModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await tinyModel(folder, HIDDEN, head);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const mixed: PlanRuleData[] = [
  { match: 'embeddings.word_embeddings', weight: 'int4-per-group-32' },
  { match: 'encoder.*.*.output.dense', weight: 'ternary-per-channel', activationBits: 8 },
  { match: 'encoder.**', weight: 'int3-per-channel', activationBits: 4, activationScheme: 'symmetric' },
  { match: 'classifier', weight: 'int8-per-tensor', activationBits: 8, activationScheme: 'per-token' },
];

describe('a student of each plan', () => {
  it.each([...PLAN_NAMES.map((name) => [name, name] as const), ['mixed', mixed] as const])(
    'takes the bytes that its bits say, and computes the same when loaded: %s',
    async (name, asked) => {
      const plan = createPlan(asked);
      const result = await quantize(calibratedModel(model), [batch], plan);
      const student = postTrainedModel(model, result);
      const out = join(root, name);
      await saveQuantizedModel(out, student, { tokenizerFrom: folder });

      const [first, second] = [dequantizeModel(student), dequantizeModel(await loadQuantizedModel(out))];
      const expected = quantizedClassifier(student).classify(batch);
      const loaded = await loadClassifier(out);
      expect([...loaded.classify(batch).dataSync()]).toEqual([...expected.dataSync()]);
      for (const [parameter, tensor] of first.parameters) {
        expect(second.parameters.get(parameter)!.dataSync(), parameter).toEqual(tensor.dataSync());
      }
      // Not the float model by mistake.
      const float = calibratedModel(model);
      const logits = float.forward(float.float, model.parameters, batch);
      expect(logits.sub(expected).abs().max().dataSync()[0]).toBeGreaterThan(0);

      // Each tensor of a quantized site is as long as its bits say; nothing else lies in the file but floats.
      const file = readFileSync(join(out, 'model.safetensors'));
      const headerBytes = Number(file.readBigUInt64LE(0));
      const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString());
      const planned = resolvePlan(plan, sitesOf(model.parameters), float.roleOf);
      for (const [site, { weight }] of planned) {
        const sizes = ['weight', 'weight_packed', 'weight_scale']
          .map((field) => header[`${site}.${field}`] ?? header[`bert.${site}.${field}`])
          .flatMap((entry) => (entry ? [entry.data_offsets[1] - entry.data_offsets[0]] : []));
        const { shape } = model.parameters.get(`${site}.weight`)!;
        const bytes = storedBytes(shape as [number, number], weight!.bits, weight!.granularity);
        expect(
          sizes.reduce((a, b) => a + b),
          site,
        ).toBe(bytes);
      }
      expect(first.parameters.size).toBe(model.parameters.size);
    },
  );

  it('is refused for another model', async () => {
    await expect(
      quantize(
        calibratedModel(model),
        [batch],
        createPlan([{ match: 'decoder.**', weight: 'int8-per-channel' }]),
      ),
    ).rejects.toThrow('rule "decoder.**" matches no site of this model');
  });
});

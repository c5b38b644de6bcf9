import { fileURLToPath } from 'node:url';
import {
  type Batch,
  type EncoderModel,
  FloatOps,
  loadCheckpoint,
  logitsOf,
  packBatch,
  type QuantizedModel,
  tensorsFrom,
} from '@sdq/models';
import { createPlan, quantize } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { chooseObserver } from './observer-choice.ts';
import { calibratedModel, postTrainedModel } from './student.ts';

const folder = fileURLToPath(new URL('../../../models/test/oracles/bert-token-bf16', import.meta.url));

it('takes the observer whose logits are closest to the fp32 model, and frees its tensors', async () => {
  const { config, head, tensors } = await loadCheckpoint(folder);
  const model: EncoderModel = { config, head: head!, parameters: tensorsFrom(tensors) };
  const ids = Int32Array.from({ length: 20 }, (_, i) => 5 + i);
  const batches: Batch[] = [packBatch([{ ids, labels: new Int32Array(20) }], [0])];
  const fitting = postTrainedModel(
    model,
    await quantize(calibratedModel(model), batches, createPlan('w8a8')),
  );
  const grids = new Map([...fitting.grids].map(([site, grid]) => [site, { ...grid, scale: grid.scale / 8 }]));
  const clipped: QuantizedModel = { ...fitting, grids };
  const before = tf.memory().numTensors;
  const choose = (minMax: QuantizedModel, percentile: QuantizedModel) =>
    chooseObserver(
      (batch) => logitsOf(model, new FloatOps(), batch),
      { 'min-max': minMax, percentile },
      batches,
    );
  const kept = await choose(fitting, clipped);
  expect(kept.chosen).toBe('min-max');
  expect(kept.distances.percentile).toBeGreaterThan(10 * kept.distances['min-max']);
  expect((await choose(clipped, fitting)).chosen).toBe('percentile');
  expect((await choose(fitting, fitting)).chosen).toBe('min-max');
  expect(tf.memory().numTensors).toBe(before);
});

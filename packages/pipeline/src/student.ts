import type { AffineGrid, Site } from '@sdq/core';
import { FloatOps, type QuantizedModel } from '@sdq/models';
import { dequantizeRows, FakeQuantizedOps, type ResolvedPlan } from '@sdq/quantizers';
import type * as tf from '@tensorflow/tfjs';
import { type EncoderModel, hostTensors, logitsOf, tensorsFrom } from './encoder-model.ts';
import type { Classifier } from './predict.ts';

/**
 * The finished quantized model: integers and scales of the planned weights, the grids of activations, and the
 * floats that stay.
 */
export function quantizeModel(
  model: EncoderModel,
  plan: ResolvedPlan,
  grids: ReadonlyMap<Site, AffineGrid>,
): QuantizedModel {
  const floats = new Map(model.parameters);
  const weights: QuantizedModel['weights'] extends ReadonlyMap<infer K, infer V> ? Map<K, V> : never =
    new Map();
  for (const [site, { weight }] of plan) {
    if (!weight) continue;
    const name = `${site}.weight`;
    weights.set(name, weight.quantize(model.parameters.get(name)!));
    floats.delete(name);
  }
  return { config: model.config, head: model.head, weights, grids, floats: hostTensors(floats) };
}

/**
 * A quantized model as an encoder whose weights are the floats that the integers stand for.
 *
 * @param shared - tensors to use in place of new ones: they must be equal
 */
export function dequantizeModel(
  quantized: QuantizedModel,
  shared: ReadonlyMap<string, tf.Tensor> = new Map(),
): EncoderModel {
  const parameters = new Map<string, tf.Tensor>(shared);
  for (const [name, rows] of quantized.weights) {
    if (!parameters.has(name)) parameters.set(name, dequantizeRows(rows));
  }
  for (const [name, tensor] of tensorsFrom(quantized.floats)) parameters.set(name, tensor);
  return { config: quantized.config, head: quantized.head, parameters };
}

/** Classifies by a quantized model: activations are rounded to their grids, weights lie on theirs already. */
export function quantizedClassifier(model: EncoderModel, grids: ReadonlyMap<Site, AffineGrid>): Classifier {
  const plan = new Map([...grids.keys()].map((site) => [site, { match: site, activationBits: 8 }]));
  const options = { grids: new Map(grids), weightsAreQuantized: true };
  return (batch) => logitsOf(model, new FakeQuantizedOps(new FloatOps(), plan, options), batch);
}

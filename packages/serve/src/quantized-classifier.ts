import type { Site } from '@sdq/core';
import { createIntegerModel, type ForwardPass } from '@sdq/kernels';
import {
  type Classifier,
  disposeModel,
  type EncoderBatch,
  type EncoderModel,
  FloatOps,
  forward,
  logitsOf,
  type QuantizedModel,
  tensorsFrom,
} from '@sdq/models';
import { dequantizeRows, FakeQuantizedOps, type PlanRule, type ResolvedPlan } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';

/** The batch that tells the structure of a forward pass. */
const ONE_TOKEN: EncoderBatch = { ids: Int32Array.of(0), offsets: Int32Array.of(0, 1) };

/** A quantized model as an encoder whose weights are the floats that the integers stand for. */
export function dequantizeModel(quantized: QuantizedModel): EncoderModel {
  const parameters = tensorsFrom(quantized.floats);
  for (const [name, rows] of quantized.weights) parameters.set(name, dequantizeRows(rows));
  return { config: quantized.config, head: quantized.head, parameters };
}

/** A classifier that holds memory of its own. */
export interface QuantizedClassifier {
  readonly classify: Classifier;
  dispose(): void;
}

/**
 * Classifies by a quantized model: in integers where the backend has kernels for the model's scheme, else by floats that
 * lie on the same grids. Both give the same logits to float rounding, save where that moves a value across the middle
 * between two steps of a grid.
 *
 * @throws SdqError as `createIntegerModel`
 */
export function quantizedClassifier(quantized: QuantizedModel): QuantizedClassifier {
  return integerClassifier(quantized) ?? fakeQuantizedClassifier(quantized);
}

function integerClassifier(quantized: QuantizedModel): QuantizedClassifier | undefined {
  const { config, head, perToken } = quantized;
  if (perToken !== undefined) return undefined;
  const pass =
    (batch: EncoderBatch): ForwardPass =>
    (ops, parameter) =>
      forward(ops, config, parameter, batch, head).logits;
  const model = createIntegerModel(pass(ONE_TOKEN), quantized);
  return (
    model && {
      classify(batch) {
        const { values, shape } = model.run(pass(batch));
        return tf.tensor2d(values, [...shape]);
      },
      dispose: () => model.dispose(),
    }
  );
}

/** Classifies by floats: activations are rounded to their grids, weights lie on theirs already. */
export function fakeQuantizedClassifier(quantized: QuantizedModel): QuantizedClassifier {
  const model = dequantizeModel(quantized);
  const plan = studentPlan(quantized);
  const options = { grids: new Map(quantized.grids), weightsAreQuantized: true };
  return {
    classify: (batch) => logitsOf(model, new FakeQuantizedOps(new FloatOps(), plan, options), batch),
    dispose: () => disposeModel(model),
  };
}

/** What the inputs of a finished model's sites get; its weights lie on their grids already. */
export function studentPlan({ grids, perToken = new Map<Site, number>() }: QuantizedModel): ResolvedPlan {
  const plan = new Map<Site, PlanRule>();
  for (const site of grids.keys()) plan.set(site, { match: site, activationBits: 8 });
  for (const [site, activationBits] of perToken) {
    plan.set(site, { match: site, activationBits, activationScheme: 'per-token' });
  }
  return plan;
}

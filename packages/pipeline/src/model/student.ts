import { type AffineGrid, SdqError, type Site } from '@sdq/core';
import {
  type EncoderBatch,
  type EncoderModel,
  FloatOps,
  familyOf,
  hostTensors,
  logitsOf,
  type QuantizedModel,
} from '@sdq/models';
import {
  type CalibratedModel,
  dequantizeRows,
  FakeQuantizedOps,
  type PostTrainingResult,
  perTokenBits,
  type ResolvedPlan,
  SmoothedOps,
} from '@sdq/quantizers';
import { type QuantizedClassifier, quantizedClassifier } from '@sdq/serve';
import * as tf from '@tensorflow/tfjs';

/**
 * The finished quantized model: integers and scales of the planned weights, the grids of activations, and the
 * floats that stay.
 *
 * @param made - weights that are integers already, by parameter name
 */
export function quantizeModel(
  model: EncoderModel,
  plan: ResolvedPlan,
  grids: ReadonlyMap<Site, AffineGrid>,
  made: QuantizedModel['weights'] = new Map(),
): QuantizedModel {
  const floats = new Map(model.parameters);
  const weights = new Map(made);
  for (const name of made.keys()) floats.delete(name);
  for (const [site, { weight }] of plan) {
    if (!weight) continue;
    const name = `${site}.weight`;
    weights.set(name, weight.quantize(model.parameters.get(name)!, site));
    floats.delete(name);
  }
  return quantizedModel(model, weights, grids, perTokenBits(plan), floats);
}

function quantizedModel(
  { config, head }: EncoderModel,
  weights: QuantizedModel['weights'],
  grids: QuantizedModel['grids'],
  perToken: ReadonlyMap<Site, number>,
  floats: ReadonlyMap<string, tf.Tensor>,
): QuantizedModel {
  const model = { config, head, weights, grids, floats: hostTensors(floats) };
  return perToken.size === 0 ? model : { ...model, perToken };
}

/** An encoder as `quantize` of `@sdq/quantizers` takes it; it gives logits. */
export function calibratedModel(model: EncoderModel): CalibratedModel<EncoderBatch> {
  return {
    parameters: model.parameters,
    roleOf: familyOf(model.config.family).roleOf,
    float: new FloatOps(),
    forward: (ops, parameters, batch) => logitsOf({ ...model, parameters }, ops, batch),
  };
}

/**
 * The finished model that `quantize` found for an encoder.
 *
 * @throws SdqError `bad-option` when inputs are to be divided as the model runs, which a saved model cannot say
 */
export function postTrainedModel(model: EncoderModel, result: PostTrainingResult): QuantizedModel {
  if (result.divisors.size > 0) {
    throw new SdqError(
      'bad-option',
      'SmoothQuant divides inputs as the model runs: such a model cannot be saved.',
    );
  }
  const floats = new Map([...model.parameters, ...result.changed]);
  for (const name of result.weights.keys()) floats.delete(name);
  return quantizedModel(model, result.weights, result.grids, result.perToken, floats);
}

/** A model that was quantized after training, and classifies. */
export interface PostTrainedClassifier extends QuantizedClassifier {
  /** What can be saved; undefined where SmoothQuant divides inputs as the model runs. */
  readonly model: QuantizedModel | undefined;
}

/**
 * Classifies by what `quantize` found for an encoder; where SmoothQuant divides inputs, by floats on the same grids.
 *
 * @param plan - that `quantize` had
 * @param result - its tensors are disposed with the classifier, or before
 */
export function postTrainedClassifier(
  model: EncoderModel,
  plan: ResolvedPlan,
  result: PostTrainingResult,
): PostTrainedClassifier {
  const changed = [...result.changed.values()];
  if (result.divisors.size === 0) {
    const quantized = postTrainedModel(model, result);
    tf.dispose(changed);
    return { model: quantized, ...quantizedClassifier(quantized) };
  }
  const rounded = [...result.weights].map(([name, rows]) => [name, dequantizeRows(rows)] as const);
  const parameters = new Map([...model.parameters, ...result.changed, ...rounded]);
  const options = { grids: new Map(result.grids), weightsAreQuantized: true };
  return {
    model: undefined,
    classify: (batch) => {
      const ops = new FakeQuantizedOps(new FloatOps(), plan, options);
      return logitsOf({ ...model, parameters }, new SmoothedOps(ops, result.divisors), batch);
    },
    dispose: () => tf.dispose([...changed, ...rounded.map(([, tensor]) => tensor)]),
  };
}

import type { EncoderBatch, EncoderConfig, EncoderOps } from '@sdq/core';
import { spanRows } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '../host-tensor.ts';
import type { Head } from './config.ts';
import { forward } from './encoder.ts';
import { FloatOps } from './float-ops.ts';

/** Maps packed sequences to logits, [sequences, classes], [tokens, classes] or, for spans, [tokens, 2]. */
export type Classifier = (batch: EncoderBatch) => tf.Tensor;

/** An encoder with a head, its parameters as tensors by their names in the checkpoint. */
export interface EncoderModel {
  readonly config: EncoderConfig;
  readonly head: Head;
  readonly parameters: ReadonlyMap<string, tf.Tensor>;
}

/** The logits of a batch under an interpreter. */
export function logitsOf(model: EncoderModel, ops: EncoderOps<tf.Tensor>, batch: EncoderBatch): tf.Tensor {
  return forward(ops, model.config, model.parameters, batch, model.head).logits;
}

/** Classifies by a float model. */
export function floatClassifier(model: EncoderModel): Classifier {
  return (batch) => logitsOf(model, new FloatOps(), batch);
}

/** The logits of a batch as the losses over rows of classes take them; see {@link lossRows}. */
export function lossLogits(model: EncoderModel, ops: EncoderOps<tf.Tensor>, batch: EncoderBatch): tf.Tensor {
  return lossRows(model, logitsOf(model, ops, batch), batch);
}

/**
 * Logits as the losses over rows of classes take them: those of a span head as one row for the start and one for the end of
 * each sequence, any others as they are.
 */
export function lossRows(model: EncoderModel, logits: tf.Tensor, batch: EncoderBatch): tf.Tensor {
  return model.head.kind === 'question-answering' ? spanRows(logits, batch.offsets) : logits;
}

/** Parameters from a file as tensors. */
export function tensorsFrom(host: ReadonlyMap<string, HostTensor>): Map<string, tf.Tensor> {
  return new Map([...host].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]));
}

/** Parameters as they are written to a file. */
export function hostTensors(parameters: ReadonlyMap<string, tf.Tensor>): Map<string, HostTensor> {
  return new Map(
    [...parameters].map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: tensor.dataSync() as Float32Array },
    ]),
  );
}

/**
 * Variables that start from the model's parameters, each with memory of its own, since the optimizer writes in
 * place.
 *
 * @param trains - which parameters: the others stay as they are
 */
export function trainableCopies(
  model: EncoderModel,
  trains: (name: string) => boolean,
): Map<string, tf.Variable> {
  const chosen = [...model.parameters].filter(([name]) => trains(name));
  return new Map(
    chosen.map(([name, tensor]) => {
      const copy = tf.tensor(Float32Array.from(tensor.dataSync()), tensor.shape);
      const variable = tf.variable(copy);
      copy.dispose();
      return [name, variable];
    }),
  );
}

/** Disposes the parameters of a model, save those that another still uses. */
export function disposeModel(model: EncoderModel, shared: EncoderModel | undefined = undefined): void {
  const kept = new Set(shared?.parameters.values());
  for (const tensor of model.parameters.values()) if (!kept.has(tensor)) tensor.dispose();
}

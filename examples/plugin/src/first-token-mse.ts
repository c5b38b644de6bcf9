import { type DistillationLoss, type EncoderShape, type LossOptions, tapKey } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';

/**
 * The squared distance between the hidden states of the first token, each divided by its length, as a mean over layers and
 * sequences.
 *
 * Source: Sun et al. 2019, "Patient Knowledge Distillation for BERT Model Compression" (arXiv 1908.09355), equation 7.
 *
 * @param options - `layers`: all if absent
 */
export function firstTokenMse({ layers = 'all' }: LossOptions): DistillationLoss {
  const selected = (model: EncoderShape): readonly number[] => {
    if (layers === 'last') return [model.layers - 1];
    return layers === 'all' ? Array.from({ length: model.layers }, (_, i) => i) : layers;
  };
  const hidden = (layer: number) => tapKey({ role: 'hidden', layer });

  return {
    name: 'first-token-mse',

    // Only what a loss asks for is kept during the forward pass.
    taps: ({ role, layer }, model) =>
      role === 'hidden' && layer !== undefined && selected(model).includes(layer),

    // Said before training starts, when two models cannot be compared.
    obstacle(teacher, student) {
      const same =
        teacher.hiddenSize === student.hiddenSize && selected(teacher).length === selected(student).length;
      return same ? undefined : 'one hidden size and as many layers in both';
    },

    compute(teacher, student, context) {
      return tf.tidy(() => {
        // Batches have no padding: token rows [tokens, hidden], and the offsets at which sequences begin and the last one ends.
        const first = tf.tensor1d(context.offsets.slice(0, -1), 'int32');
        const directions = (states: tf.Tensor) => {
          const rows = states.gather(first);
          return rows.div(rows.square().sum(1, true).sqrt());
        };
        const to = selected(context.student);
        const distances = selected(context.teacher).map((layer, i) => {
          const taught = directions(teacher.shown.get(hidden(layer))!);
          const learned = directions(student.shown.get(hidden(to[i]!))!);
          return learned.squaredDifference(taught).sum(1).mean<tf.Scalar>();
        });
        return tf.addN(distances).div<tf.Scalar>(distances.length);
      });
    },
  };
}

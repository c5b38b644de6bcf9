import type { EncoderOps, Layout, Random, Site, TapPoint } from '@sdq/core';
import { attention, dropout, embedding, gelu, layerNorm, linear } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';

/** How {@link FloatOps} runs. */
export interface FloatOptions {
  /** Where dropout's seeds come from; without it the model is not in training and drops nothing. */
  readonly dropout?: Random | undefined;
  /** Called with each tapped value; tells whether it must outlive its layer, as one that a loss reads. */
  readonly onTap?: ((point: TapPoint, x: tf.Tensor) => boolean) | undefined;
}

/**
 * The encoder's operations over tfjs tensors in float32, with gradients: fine-tuning and the teacher.
 *
 * The caller owns the memory: run it inside `tf.tidy` or `tf.variableGrads`.
 *
 * @example
 * ```ts
 * import { Random } from '@sdq/core';
 * import { FloatOps } from '@sdq/models';
 *
 * const evaluating = new FloatOps();
 * const training = new FloatOps({ dropout: new Random(0) });
 * ```
 */
export class FloatOps implements EncoderOps<tf.Tensor> {
  /** What a listener kept in the scope that is open. */
  private readonly kept: tf.Tensor[] = [];

  constructor(private readonly options: FloatOptions = {}) {}

  embed(_site: Site, ids: Int32Array, table: tf.Tensor): tf.Tensor {
    return embedding(table, ids);
  }

  linear(_site: Site, x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    return linear(x, weight, bias);
  }

  attention(_site: Site, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, layout: Layout, heads: number): tf.Tensor {
    return attention(q, k, v, layout.offsets, heads);
  }

  layerNorm(_site: Site, x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): tf.Tensor {
    return layerNorm(x, gamma, beta, epsilon);
  }

  gelu(x: tf.Tensor): tf.Tensor {
    return gelu(x);
  }

  tanh(x: tf.Tensor): tf.Tensor {
    return tf.tanh(x);
  }

  add(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.add(a, b);
  }

  dropout(x: tf.Tensor, rate: number): tf.Tensor {
    const random = this.options.dropout;
    return random === undefined || rate === 0 ? x : dropout(x, rate, random.uint32());
  }

  firstTokens(x: tf.Tensor, layout: Layout): tf.Tensor {
    return embedding(x, layout.offsets.slice(0, -1));
  }

  tap(point: TapPoint, x: tf.Tensor): tf.Tensor {
    if (this.options.onTap?.(point, x)) this.kept.push(x);
    return x;
  }

  /** A scope of tfjs, which what a listener keeps outlives. */
  scope(run: () => tf.Tensor): tf.Tensor {
    const [result] = tf.tidy(() => [run(), ...this.kept]);
    this.kept.length = 0;
    return result!;
  }
}

import * as tf from '@tensorflow/tfjs';
import { hasKernel, registerKernelGradient, runKernels } from './native-kernel.ts';
import { headsOf, requireHeads, requireOffsets } from './packed-heads.ts';
import { matrixShape, requireSameShape } from './shapes.ts';

const SdqAttention = 'SdqAttention';

registerKernelGradient(SdqAttention, {
  inputsToSave: ['q', 'k', 'v'],
  // The second output is what a backend wants to see again of the softmax: the logarithms of its sums, or all of it.
  outputsToSave: [true, true],
  gradient: ([dy], [q, k, v, y, softmax], attributes) => {
    const inputs = { q: q!, k: k!, v: v!, y: y!, softmax: softmax!, dy: dy! };
    const [dq, dk, dv] = runKernels('SdqAttentionGrad', inputs, attributes);
    return { q: () => dq!, k: () => dk!, v: () => dv! };
  },
});

/**
 * Self-attention within each packed sequence: softmax(q k^T / sqrt(d)) v for each head of d = hidden / heads.
 *
 * Sequences are packed without padding, so there is no mask. Source: Vaswani et al. 2017, "Attention Is All You
 * Need"; the backward pass recomputes the probabilities (Dao et al. 2022, "FlashAttention").
 *
 * @param q - [tokens, hidden]
 * @param k - [tokens, hidden]
 * @param v - [tokens, hidden]
 * @param offsets - [sequences + 1], from 0 to tokens: sequence i owns the rows from offsets[i] to offsets[i + 1]
 * @param heads - divides hidden
 * @returns [tokens, hidden], the heads side by side
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { attention } from '@sdq/kernels';
 *
 * const x = tf.tensor2d([[1, 2], [3, 4]]);
 * // Two sequences of one token: each attends to itself alone.
 * attention(x, x, x, Int32Array.of(0, 1, 2), 1).dataSync(); // [1, 2, 3, 4]
 * ```
 */
export function attention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  offsets: Int32Array,
  heads: number,
): tf.Tensor2D {
  const [tokens, hidden] = matrixShape('attention', 'q', q);
  requireSameShape('attention', q, k);
  requireSameShape('attention', q, v);
  requireOffsets('attention', offsets, tokens);
  requireHeads('attention', heads, hidden);
  if (hasKernel(SdqAttention)) {
    return tf.tidy(() => runKernels(SdqAttention, { q, k, v }, { offsets, heads })[0] as tf.Tensor2D);
  }
  return tf.tidy(() => composed(q, k, v, offsets, heads));
}

function composed(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, offsets: Int32Array, heads: number): tf.Tensor2D {
  const [tokens, hidden] = q.shape as [number, number];
  const width = hidden / heads;
  const outputs: tf.Tensor2D[] = [];
  for (let i = 0; i + 1 < offsets.length; i++) {
    const start = offsets[i]!;
    const length = offsets[i + 1]! - start;
    if (length === 0) continue;
    const split = (x: tf.Tensor) => headsOf(x, start, length, heads);
    const scores = tf.matMul(split(q), split(k), false, true).mul(1 / Math.sqrt(width));
    const context = tf.matMul(tf.softmax(scores), split(v));
    outputs.push(context.transpose([1, 0, 2]).reshape([length, hidden]));
  }
  return outputs.length > 0 ? tf.concat(outputs, 0) : tf.zeros([tokens, hidden]);
}

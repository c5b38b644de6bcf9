import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { tidy } from '@tensorflow/tfjs';
import { requireHeads } from './packed-heads.ts';
import { matrixShape, requireSameShape } from './shapes.ts';
import { softmaxKl } from './softmax-kl.ts';

/**
 * The divergence of the student's self-attention output from the teacher's: each head's features of a token read
 * as a distribution by softmax; the mean over token rows and heads. The gradient goes to the student only.
 *
 * Source: O'Neill and Dutta 2023, "Self-Distilled Quantization", section 3.
 *
 * @param teacher - [tokens, hidden]
 * @param student - [tokens, hidden]
 * @param heads - divides hidden
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { attentionKl } from '@sdq/kernels';
 *
 * const output = tf.tensor2d([[1, 2, 3, 4]]);
 * attentionKl(output, output, 2).dataSync(); // [0]
 * ```
 */
export function attentionKl(teacher: Tensor, student: Tensor, heads: number): Scalar {
  const [tokens, hidden] = matrixShape('attentionKl', 'teacher', teacher);
  requireSameShape('attentionKl', teacher, student);
  requireHeads('attentionKl', heads, hidden);
  const rows = [tokens * heads, hidden / heads];
  return tidy(() => softmaxKl(teacher.reshape(rows), student.reshape(rows), 1));
}

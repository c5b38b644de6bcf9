import * as tf from '@tensorflow/tfjs';
import { hasKernel, registerKernelGradient, runKernel, runKernels } from './native-kernel.ts';
import { headsOf, requireHeads, requireOffsets } from './packed-heads.ts';
import { matrixShape, requireSameShape } from './shapes.ts';
import { softmaxKl } from './softmax-kl.ts';

const SdqRelationKl = 'SdqRelationKl';

registerKernelGradient(SdqRelationKl, {
  inputsToSave: ['teacherQ', 'teacherK', 'q', 'k'],
  gradient: ([dy], [teacherQ, teacherK, q, k], attributes) => {
    const inputs = { teacherQ: teacherQ!, teacherK: teacherK!, q: q!, k: k!, dy: dy! };
    const [dq, dk] = runKernels('SdqRelationKlGrad', inputs, attributes);
    return {
      teacherQ: () => tf.zerosLike(teacherQ!),
      teacherK: () => tf.zerosLike(teacherK!),
      q: () => dq!,
      k: () => dk!,
    };
  },
});

/** The two sides of a relation between tokens, both [tokens, hidden]. */
export interface Relation {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
}

/**
 * The divergence of the student's relations between tokens from the teacher's: KL of softmax(q k^T / sqrt(hidden / heads))
 * for each head and packed sequence, the mean over token rows and heads. The gradient goes to the student only; it
 * recomputes the probabilities, of which none are kept.
 *
 * With queries and keys the relation is the attention map (Wang et al. 2020, "MiniLM", section 3.1); with one tensor on
 * both sides it is one of Wang et al. 2021, "MiniLMv2", section 3.1.
 *
 * @param teacher - its hidden size may be another than the student's
 * @param student - as many tokens as the teacher's
 * @param offsets - [sequences + 1], from 0 to tokens
 * @param heads - divides both hidden sizes
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { relationKl } from '@sdq/kernels';
 *
 * const x = tf.tensor2d([[1, 2], [3, 4]]);
 * relationKl({ q: x, k: x }, { q: x, k: x }, Int32Array.of(0, 2), 1).dataSync(); // [0]
 * ```
 */
export function relationKl(
  teacher: Relation,
  student: Relation,
  offsets: Int32Array,
  heads: number,
): tf.Scalar {
  const [tokens, hidden] = matrixShape('relationKl', 'q', student.q);
  const [, teacherHidden] = matrixShape('relationKl', 'the teacher’s q', teacher.q);
  requireSameShape('relationKl', student.q, student.k);
  requireSameShape('relationKl', teacher.q, teacher.k);
  requireOffsets('relationKl', offsets, tokens);
  requireOffsets('relationKl', offsets, teacher.q.shape[0]!);
  for (const size of [hidden, teacherHidden]) requireHeads('relationKl', heads, size);
  if (tokens === 0) return tf.scalar(0);
  if (hasKernel(SdqRelationKl)) {
    const inputs = { teacherQ: teacher.q, teacherK: teacher.k, q: student.q, k: student.k };
    return runKernel(SdqRelationKl, inputs, { offsets, heads }) as tf.Scalar;
  }
  return tf.tidy(() => composed(teacher, student, offsets, heads));
}

function composed(teacher: Relation, student: Relation, offsets: Int32Array, heads: number): tf.Scalar {
  const divergences: tf.Tensor[] = [];
  for (let i = 0; i + 1 < offsets.length; i++) {
    const start = offsets[i]!;
    const length = offsets[i + 1]! - start;
    if (length === 0) continue;
    const scores = ({ q, k }: Relation) => {
      const [queries, keys] = [headsOf(q, start, length, heads), headsOf(k, start, length, heads)];
      const scale = 1 / Math.sqrt(queries.shape[2]);
      return tf.matMul(queries, keys, false, true).mul(scale).reshape([-1, length]);
    };
    divergences.push(softmaxKl(scores(teacher), scores(student), 1).mul(length));
  }
  return tf.addN(divergences).div(offsets[offsets.length - 1]!);
}

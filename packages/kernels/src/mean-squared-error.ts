import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { requireSameShape } from './shapes.ts';

const SdqMeanSquaredError = 'SdqMeanSquaredError';

registerKernelGradient(SdqMeanSquaredError, {
  inputsToSave: ['teacher', 'student'],
  gradient: ([dy], [teacher, student]) => ({
    teacher: () => tf.zerosLike(teacher!),
    student: () =>
      runKernel('SdqMeanSquaredErrorGrad', { teacher: teacher!, student: student!, dy: dy! }, {}),
  }),
});

/**
 * The mean over all elements of (student - teacher)^2; the gradient goes to the student only.
 *
 * @param teacher - any shape
 * @param student - the shape of teacher
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { meanSquaredError } from '@sdq/kernels';
 *
 * meanSquaredError(tf.tensor1d([1, 2]), tf.tensor1d([1, 4])).dataSync(); // [2]
 * ```
 */
export function meanSquaredError(teacher: tf.Tensor, student: tf.Tensor): tf.Scalar {
  requireSameShape('meanSquaredError', teacher, student);
  if (student.size === 0) return tf.scalar(0);
  if (hasKernel(SdqMeanSquaredError)) {
    return runKernel(SdqMeanSquaredError, { teacher, student }, {}) as tf.Scalar;
  }
  return withGradient(
    student,
    (student, save) => {
      save([teacher, student]);
      return student.sub(teacher).square().mean() as tf.Scalar;
    },
    (dy, [teacher, student]) =>
      student!
        .sub(teacher!)
        .mul(2 / student!.size)
        .mul(dy),
  );
}

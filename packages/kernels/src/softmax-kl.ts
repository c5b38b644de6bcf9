import { SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { matrixShape, requireSameShape } from './shapes.ts';

const SdqSoftmaxKl = 'SdqSoftmaxKl';

registerKernelGradient(SdqSoftmaxKl, {
  inputsToSave: ['teacher', 'student'],
  gradient: ([dy], [teacher, student], attributes) => ({
    teacher: () => tf.zerosLike(teacher!),
    student: () =>
      runKernel('SdqSoftmaxKlGrad', { teacher: teacher!, student: student!, dy: dy! }, attributes),
  }),
});

/**
 * temperature^2 * KL(softmax(teacher / temperature) || softmax(student / temperature)), the mean over rows; the
 * gradient goes to the student only.
 *
 * Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
 *
 * @param teacher - [rows, classes]
 * @param student - [rows, classes]
 * @param temperature - > 0
 * @throws SdqError `bad-shape`; `bad-option` when the temperature is not positive
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { softmaxKl } from '@sdq/kernels';
 *
 * const logits = tf.tensor2d([[1, 2, 3]]);
 * softmaxKl(logits, logits, 2).dataSync(); // [0]
 * ```
 */
export function softmaxKl(teacher: tf.Tensor, student: tf.Tensor, temperature: number): tf.Scalar {
  const [rows] = matrixShape('softmaxKl', 'teacher', teacher);
  requireSameShape('softmaxKl', teacher, student);
  if (!(temperature > 0)) throw new SdqError('bad-option', `The temperature ${temperature} is not above 0.`);
  if (rows === 0) return tf.scalar(0);
  if (hasKernel(SdqSoftmaxKl)) {
    return runKernel(SdqSoftmaxKl, { teacher, student }, { temperature }) as tf.Scalar;
  }
  const scale = 1 / temperature;
  return withGradient(
    student,
    (student, save) => {
      save([teacher, student]);
      const p = tf.logSoftmax(teacher.mul(scale));
      const q = tf.logSoftmax(student.mul(scale));
      return p
        .exp()
        .mul(p.sub(q))
        .sum()
        .mul(temperature ** 2 / rows) as tf.Scalar;
    },
    (dy, [teacher, student]) => {
      const p = tf.softmax(teacher!.mul(scale));
      const q = tf.softmax(student!.mul(scale));
      return q
        .sub(p)
        .mul(temperature / rows)
        .mul(dy);
    },
  );
}

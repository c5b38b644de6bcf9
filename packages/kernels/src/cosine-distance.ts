import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { matrixShape, requireSameShape } from './shapes.ts';

const SdqCosineDistance = 'SdqCosineDistance';

// Rows whose squared length is not above this have no direction.
const LEAST_SQUARE = 1e-16;

registerKernelGradient(SdqCosineDistance, {
  inputsToSave: ['teacher', 'student'],
  gradient: ([dy], [teacher, student]) => ({
    teacher: () => tf.zerosLike(teacher!),
    student: () => runKernel('SdqCosineDistanceGrad', { teacher: teacher!, student: student!, dy: dy! }, {}),
  }),
});

/**
 * One minus the cosine of two rows, the mean over rows; in [0, 2]. The gradient goes to the student only.
 *
 * Computed as |t/|t| - s/|s||^2 / 2, which does not cancel where the two are close. A row of zeros has no direction: it is
 * 1/2 from any that has one, without a gradient.
 *
 * @param teacher - [rows, features]
 * @param student - [rows, features]
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { cosineDistance } from '@sdq/kernels';
 *
 * cosineDistance(tf.tensor2d([[1, 0]]), tf.tensor2d([[0, 3]])).dataSync(); // [1]
 * ```
 */
export function cosineDistance(teacher: tf.Tensor, student: tf.Tensor): tf.Scalar {
  const [rows, features] = matrixShape('cosineDistance', 'teacher', teacher);
  requireSameShape('cosineDistance', teacher, student);
  if (rows * features === 0) return tf.scalar(0);
  if (hasKernel(SdqCosineDistance)) {
    return runKernel(SdqCosineDistance, { teacher, student }, {}) as tf.Scalar;
  }
  return withGradient(
    student,
    (student, save) => {
      save([teacher, student]);
      const apart = teacher.mul(inverseLengths(teacher)).sub(student.mul(inverseLengths(student)));
      return apart
        .square()
        .sum()
        .div(2 * rows) as tf.Scalar;
    },
    (dy, [teacher, student]) => {
      const [toTeacher, toStudent] = [inverseLengths(teacher!), inverseLengths(student!)];
      const own = student!.mul(toStudent);
      const apart = own.sub(teacher!.mul(toTeacher));
      const distance = apart.square().sum(1, true).div(2);
      const slopes = apart.sub(own.mul(distance)).mul(toStudent).mul(dy.div(rows));
      return slopes.mul(toTeacher.greater(0).cast('float32'));
    },
  );
}

/** One over the length of each row, [rows, 1]; 0 for rows that have no direction. */
function inverseLengths(x: tf.Tensor): tf.Tensor {
  const squares = x.square().sum(1, true);
  const directed = squares.greater(LEAST_SQUARE).cast('float32');
  return directed.div(squares.maximum(LEAST_SQUARE).sqrt());
}

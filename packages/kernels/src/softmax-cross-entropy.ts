import { SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { matrixShape, requireShape } from './shapes.ts';

/** The label of a row that no loss counts: a token that is not the first of its word. */
export const IGNORED_LABEL = -100;

const SdqSoftmaxCrossEntropy = 'SdqSoftmaxCrossEntropy';

registerKernelGradient(SdqSoftmaxCrossEntropy, {
  inputsToSave: ['logits'],
  gradient: ([dy], [logits], attributes) => ({
    logits: () => runKernel('SdqSoftmaxCrossEntropyGrad', { logits: logits!, dy: dy! }, attributes),
  }),
});

/**
 * The mean of -log softmax(logits)[label] over the rows whose label is not {@link IGNORED_LABEL}; 0 if there is none.
 *
 * @param logits - [rows, classes]
 * @param labels - [rows], each in [0, classes) or IGNORED_LABEL
 * @throws SdqError `bad-shape`; `bad-label` that names a label out of range
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { softmaxCrossEntropy } from '@sdq/kernels';
 *
 * softmaxCrossEntropy(tf.tensor2d([[0, 0]]), Int32Array.of(1)).dataSync(); // [0.6931472]
 * ```
 */
export function softmaxCrossEntropy(logits: tf.Tensor, labels: Int32Array): tf.Scalar {
  const [rows, classes] = matrixShape('softmaxCrossEntropy', 'logits', logits);
  requireShape(
    labels.length === rows,
    () => `softmaxCrossEntropy: ${labels.length} labels for ${rows} rows of logits.`,
  );
  let counted = 0;
  for (const label of labels) {
    if (label === IGNORED_LABEL) continue;
    if (label < 0 || label >= classes) {
      throw new SdqError('bad-label', `The label ${label} is not in [0, ${classes}) nor ${IGNORED_LABEL}.`);
    }
    counted++;
  }
  if (hasKernel(SdqSoftmaxCrossEntropy)) {
    return runKernel(SdqSoftmaxCrossEntropy, { logits }, { labels, counted }) as tf.Scalar;
  }
  return tf.tidy(() => {
    const targets = new Float32Array(rows * classes);
    labels.forEach((label, row) => {
      if (label !== IGNORED_LABEL) targets[row * classes + label] = -1 / counted;
    });
    return tf
      .logSoftmax(logits)
      .mul(tf.tensor2d(targets, [rows, classes]))
      .sum();
  });
}

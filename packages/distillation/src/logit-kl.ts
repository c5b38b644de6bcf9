import type { DistillationLoss } from '@sdq/core';
import { softmaxKl } from '@sdq/kernels';
import type { Tensor2D } from '@tensorflow/tfjs';

/**
 * The divergence of the student's class distribution from the teacher's, both softened by a temperature:
 * temperature^2 * KL(softmax(z_T / temperature) || softmax(z_S / temperature)), the mean over rows.
 *
 * Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
 *
 * @param temperature - > 0; 1 compares the distributions as they are
 *
 * @example
 * ```ts
 * import { logitKl } from '@sdq/distillation';
 *
 * logitKl(2).name; // 'logit-kl'
 * ```
 */
export function logitKl(temperature = 1): DistillationLoss {
  return {
    name: 'logit-kl',
    rows: 'logits',
    taps: () => false,
    compute: (teacher, student) =>
      softmaxKl(teacher.logits as Tensor2D, student.logits as Tensor2D, temperature),
  };
}

import { type DistillationLoss, SdqError, type Taps } from '@sdq/core';
import { attentionKl, meanSquaredError } from '@sdq/kernels';
import { addN, type Scalar, type Tensor2D, tidy } from '@tensorflow/tfjs';

const isAttentionOutput = (site: string): boolean => site.endsWith('.attention.self.output');

/**
 * Att-KLD: the divergence of the student's self-attention outputs from the teacher's, each head's output read as
 * a distribution over its features by softmax; the mean over layers, heads and token rows.
 *
 * Source: O'Neill and Dutta 2023, "Self-Distilled Quantization", section 3.
 *
 * @example
 * ```ts
 * import { attentionOutputKl } from '@sdq/distillation';
 *
 * attentionOutputKl().taps('encoder.layer.0.attention.self.output'); // true
 * ```
 */
export function attentionOutputKl(): DistillationLoss {
  return {
    name: 'att-kld',
    taps: isAttentionOutput,
    compute: (teacher, student, { heads }) => layerMean(teacher, student, (t, s) => attentionKl(t, s, heads)),
  };
}

/**
 * Att-MSE: the mean squared difference of the self-attention outputs, over layers, features and token rows.
 *
 * Source: O'Neill and Dutta 2023, "Self-Distilled Quantization", section 3.
 *
 * @example
 * ```ts
 * import { attentionOutputMse } from '@sdq/distillation';
 *
 * attentionOutputMse().name; // 'att-mse'
 * ```
 */
export function attentionOutputMse(): DistillationLoss {
  return {
    name: 'att-mse',
    taps: isAttentionOutput,
    compute: (teacher, student) => layerMean(teacher, student, meanSquaredError),
  };
}

function layerMean(
  teacher: Taps,
  student: Taps,
  distance: (teacher: Tensor2D, student: Tensor2D) => Scalar,
): Scalar {
  const sites = [...teacher.sites.keys()].filter(isAttentionOutput);
  if (sites.length === 0) throw new SdqError('bad-option', 'The teacher captured no self-attention output.');
  return tidy(() => {
    const distances = sites.map((site) => {
      const own = student.sites.get(site);
      if (!own) throw new SdqError('bad-option', `The student has no tap "${site}" that the teacher has.`);
      return distance(teacher.sites.get(site) as Tensor2D, own as Tensor2D);
    });
    return addN(distances).div(sites.length) as Scalar;
  });
}

import type { Scalar, Tensor } from '@tensorflow/tfjs';

/** The values that an encoder showed at its taps, by site, and its logits. */
export interface Taps {
  readonly logits: Tensor;
  readonly sites: ReadonlyMap<string, Tensor>;
}

/** A loss between what teacher and student show. */
export interface DistillationLoss {
  readonly name: string;
  /** Whether the loss reads the tap at `site`: only those are captured. */
  readonly taps: (site: string) => boolean;
  /** The loss, a mean over token rows (and heads), so that it does not depend on the batch's size. */
  compute(teacher: Taps, student: Taps, model: { readonly heads: number }): Scalar;
}

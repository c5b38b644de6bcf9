import type { Scalar, Tensor } from '@tensorflow/tfjs';
import type { Layout, Site } from './encoder-ops.ts';

/** The values that an encoder showed at its taps, by site, and its logits. */
export interface Taps {
  readonly logits: Tensor;
  readonly sites: ReadonlyMap<Site, Tensor>;
}

/** What losses must know of an encoder; its configuration has it. */
export interface EncoderShape {
  readonly layers: number;
  readonly heads: number;
  /** A multiple of `heads`. */
  readonly hiddenSize: number;
}

/** How the token rows of teacher and student divide into sequences, and the shapes of both encoders. */
export interface DistillationContext extends Layout {
  readonly teacher: EncoderShape;
  readonly student: EncoderShape;
}

/** A loss between what teacher and student show. */
export interface DistillationLoss {
  readonly name: string;
  /** Over which rows the loss is a mean, for means over several batches: of tokens if absent, or of logits. */
  readonly rows?: 'tokens' | 'logits';
  /** Whether the loss reads the tap at `site` of a model of this shape: only those are captured. */
  taps(site: Site, model: EncoderShape): boolean;
  /** Why the loss cannot compare a student of one shape with a teacher of another, as what would have to be so. */
  obstacle?(teacher: EncoderShape, student: EncoderShape): string | undefined;
  /**
   * The loss, a mean over token rows (and heads and layers), so that it does not depend on how sequences are packed; its
   * gradient goes to the student only.
   */
  compute(teacher: Taps, student: Taps, context: DistillationContext): Scalar;
}

/** What a loss adds to a sum of losses. */
export interface LossTerm {
  /** How much it counts in the sum. */
  readonly weight: number;
  /** Over how many rows its value is a mean. */
  readonly rows: number;
}

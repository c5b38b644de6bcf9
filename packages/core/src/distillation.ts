import type { Scalar, Tensor } from '@tensorflow/tfjs';
import type { Layout } from './encoder-ops.ts';
import type { TapPoint } from './taps.ts';

/** The values that an encoder showed at its taps, and its logits. */
export interface Taps {
  readonly logits: Tensor;
  /** Token rows [tokens, hidden] by {@link tapKey}. */
  readonly shown: ReadonlyMap<string, Tensor>;
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
  /** Whether the loss reads a tap of a model of this shape: only those are captured. */
  taps(point: TapPoint, model: EncoderShape): boolean;
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

import {
  type DistillationContext,
  type DistillationLoss,
  type EncoderShape,
  type LossTerm,
  SdqError,
  type TapPoint,
  type Taps,
} from '@sdq/core';
import { addN, type Scalar, tidy } from '@tensorflow/tfjs';
import { requireSchedule, type WeightSchedule, weightAt } from './weight-schedule.ts';

/** A distillation loss and how much it counts. */
export interface WeightedLoss {
  readonly loss: DistillationLoss;
  readonly weight: WeightSchedule;
}

/** The weighted sum of several losses. */
export interface CombinedLoss {
  readonly losses: readonly DistillationLoss[];
  /** Whether one of the losses reads a tap. */
  taps(point: TapPoint, model: EncoderShape): boolean;
  /**
   * The sum, each loss by its name without its weight, and what each adds to the sum.
   *
   * @param progress - the share of the training that is done, in [0, 1], for weights that change
   */
  compute(
    teacher: Taps,
    student: Taps,
    context: DistillationContext,
    progress: number,
  ): {
    readonly total: Scalar;
    readonly parts: Readonly<Record<string, Scalar>>;
    readonly terms: Readonly<Record<string, LossTerm>>;
  };
}

/**
 * Adds up losses by weights that are fixed or follow the training, and tells the value of each.
 *
 * @throws SdqError `bad-option` without losses, when two have one name, or when a weight is negative
 *
 * @example
 * ```ts
 * import { attentionOutputKl, combineLosses, logitKl } from '@sdq/distillation';
 *
 * const combined = combineLosses([
 *   { loss: logitKl(), weight: 1 },
 *   { loss: attentionOutputKl(), weight: { from: 0, to: 100, until: 0.1 } },
 * ]);
 * combined.losses.map(({ name }) => name); // ['logit-kl', 'att-kld']
 * ```
 */
export function combineLosses(parts: readonly WeightedLoss[]): CombinedLoss {
  const losses = parts.map(({ loss }) => loss);
  if (losses.length === 0) throw new SdqError('bad-option', 'There are no losses to combine.');
  for (const [i, { loss, weight }] of parts.entries()) {
    requireSchedule(loss.name, weight);
    if (losses.findIndex(({ name }) => name === loss.name) < i) {
      throw new SdqError('bad-option', `Two losses are named "${loss.name}".`);
    }
  }
  return {
    losses,
    taps: (point, model) => losses.some((loss) => loss.taps(point, model)),
    compute: (teacher, student, context, progress) =>
      tidy(() => {
        const values = losses.map((loss) => loss.compute(teacher, student, context));
        const weights = parts.map(({ weight }) => weightAt(weight, progress));
        const weighted = values.map((value, i) => value.mul(weights[i]!));
        const rowsOf = ({ rows }: DistillationLoss) =>
          rows === 'logits' ? student.logits.shape[0]! : context.offsets.at(-1)!;
        return {
          total: addN(weighted) as Scalar,
          parts: Object.fromEntries(losses.map(({ name }, i) => [name, values[i]!])),
          terms: Object.fromEntries(
            losses.map((loss, i) => [loss.name, { weight: weights[i]!, rows: rowsOf(loss) }]),
          ),
        };
      }),
  };
}

import {
  type DistillationContext,
  type DistillationLoss,
  type EncoderShape,
  SdqError,
  type TapRole,
  type Taps,
  tapKey,
} from '@sdq/core';
import { addN, type Scalar, type Tensor2D, tidy } from '@tensorflow/tfjs';
import { type LayerSelection, layerObstacle, requireLayers, selectedLayers } from './layers.ts';

/** What one layer shows at the taps that a loss reads, in their order. */
type LayerTaps = readonly Tensor2D[];

/** A loss that is the mean over layers of a distance between what they show. */
export interface LayeredLoss {
  readonly name: string;
  readonly layers: LayerSelection;
  /** The taps of a layer. */
  readonly reads: readonly TapRole[];
  /** What must be the same in teacher and student. */
  readonly same?: readonly ('hiddenSize' | 'heads')[];
  /** What else keeps the loss from comparing two models, as what would have to be so. */
  readonly obstacle?: (teacher: EncoderShape, student: EncoderShape) => string | undefined;
  /** The distance in one layer, a mean over token rows. */
  readonly distance: (teacher: LayerTaps, student: LayerTaps, context: DistillationContext) => Scalar;
}

const SHAPE_NAMES = { hiddenSize: 'one hidden size', heads: 'as many heads in both' } as const;

/** Makes the loss; throws SdqError `bad-option` when the list of layers is invalid. */
export function layeredLoss({ name, layers, reads, same = [], ...own }: LayeredLoss): DistillationLoss {
  requireLayers(name, layers);
  const obstacle = (teacher: EncoderShape, student: EncoderShape) => {
    const differs = same.find((size) => teacher[size] !== student[size]);
    return (
      layerObstacle(layers, teacher, student) ??
      (differs && SHAPE_NAMES[differs]) ??
      own.obstacle?.(teacher, student)
    );
  };
  return {
    name,
    obstacle,
    taps: ({ role, layer }, model) =>
      layer !== undefined && reads.includes(role) && selectedLayers(layers, model).includes(layer),
    compute(teacher, student, context) {
      const reason = obstacle(context.teacher, context.student);
      if (reason !== undefined) throw new SdqError('bad-option', `The loss ${name} needs ${reason}.`);
      const show = (who: string, taps: Taps, layer: number) =>
        reads.map((role) => tapOf(name, who, taps, role, layer));
      const of = selectedLayers(layers, context.teacher);
      const to = selectedLayers(layers, context.student);
      return tidy(() => {
        const distances = of.map((layer, i) =>
          own.distance(show('teacher', teacher, layer), show('student', student, to[i]!), context),
        );
        return addN(distances).div(distances.length) as Scalar;
      });
    },
  };
}

function tapOf(loss: string, who: string, taps: Taps, role: TapRole, layer: number): Tensor2D {
  const found = taps.shown.get(tapKey({ role, layer }));
  if (!found) {
    throw new SdqError(
      'bad-option',
      `The ${who} has no tap "${role}" in layer ${layer}, which the loss ${loss} reads.`,
    );
  }
  return found as Tensor2D;
}

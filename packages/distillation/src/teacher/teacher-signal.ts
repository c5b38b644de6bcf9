import { type DistillationLoss, type EncoderShape, type TapPoint, type Taps, tapKey } from '@sdq/core';
import { type Batch, type EncoderModel, FloatOps, logitsOf, lossRows } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';

/** What decides which taps are collected. */
export type TapReader = Pick<DistillationLoss, 'taps'>;

/** Collects the taps of a model that losses read. */
export class TapCollector {
  readonly shown = new Map<string, tf.Tensor>();

  constructor(
    private readonly reader: TapReader,
    private readonly model: EncoderShape,
  ) {}

  readonly onTap = (point: TapPoint, x: tf.Tensor): boolean => {
    const read = this.reader.taps(point, this.model);
    if (read) this.shown.set(tapKey(point), x);
    return read;
  };
}

/** What the frozen teacher shows for a batch: its logits as the losses take them, and the taps that they read. */
export function teacherSignal(teacher: EncoderModel, reader: TapReader, batch: Batch): Taps {
  return lossTaps(teacher, shownTaps(teacher, reader, batch), batch);
}

/** The logits of a batch as the head gives them, and the taps that losses read. */
export function shownTaps(teacher: EncoderModel, reader: TapReader, batch: Batch): Taps {
  const collector = new TapCollector(reader, teacher.config);
  const logits = logitsOf(teacher, new FloatOps({ onTap: collector.onTap }), batch);
  return { logits, shown: collector.shown };
}

/** Taps with their logits as the losses over rows of classes take them. */
export function lossTaps(model: EncoderModel, { logits, shown }: Taps, batch: Batch): Taps {
  return { logits: lossRows(model, logits, batch), shown };
}

/** Runs in a scope of its own, which only the taps outlive. */
export function keptTaps(show: () => Taps): Taps {
  const kept: { taps?: Taps } = {};
  tf.tidy(() => {
    kept.taps = show();
    return [kept.taps.logits, ...kept.taps.shown.values()];
  });
  return kept.taps!;
}

/** Disposes the tensors of taps that were kept. */
export function disposeTaps({ logits, shown }: Taps): void {
  tf.dispose([logits, ...shown.values()]);
}

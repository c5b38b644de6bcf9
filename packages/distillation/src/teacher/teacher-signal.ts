import type { DistillationLoss, EncoderShape, Site, Taps } from '@sdq/core';
import { type Batch, type EncoderModel, FloatOps, logitsOf, lossRows } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';

/** What decides which taps are collected. */
export type TapReader = Pick<DistillationLoss, 'taps'>;

/** Collects the taps of a model that losses read. */
export class TapCollector {
  readonly sites = new Map<Site, tf.Tensor>();

  constructor(
    private readonly reader: TapReader,
    private readonly model: EncoderShape,
  ) {}

  readonly onTap = (site: Site, x: tf.Tensor): boolean => {
    const read = this.reader.taps(site, this.model);
    if (read) this.sites.set(site, x);
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
  return { logits, sites: collector.sites };
}

/** Taps with their logits as the losses over rows of classes take them. */
export function lossTaps(model: EncoderModel, { logits, sites }: Taps, batch: Batch): Taps {
  return { logits: lossRows(model, logits, batch), sites };
}

/** Runs in a scope of its own, which only the taps outlive. */
export function keptTaps(show: () => Taps): Taps {
  const kept: { taps?: Taps } = {};
  tf.tidy(() => {
    kept.taps = show();
    return [kept.taps.logits, ...kept.taps.sites.values()];
  });
  return kept.taps!;
}

/** Disposes the tensors of taps that were kept. */
export function disposeTaps({ logits, sites }: Taps): void {
  tf.dispose([logits, ...sites.values()]);
}

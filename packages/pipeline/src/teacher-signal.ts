import type { DistillationLoss, Site, Taps } from '@sdq/core';
import { FloatOps } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from './batches.ts';
import { type EncoderModel, lossLogits } from './encoder-model.ts';

/** A distillation loss and how much it counts. */
export interface WeightedLoss {
  readonly loss: DistillationLoss;
  readonly weight: number;
}

/** Collects the taps that some losses read. */
export class TapCollector {
  readonly sites = new Map<Site, tf.Tensor>();

  constructor(private readonly losses: readonly WeightedLoss[]) {}

  readonly onTap = (site: Site, x: tf.Tensor): void => {
    if (this.losses.some(({ loss }) => loss.taps(site))) this.sites.set(site, x);
  };
}

/** What the frozen teacher shows for a batch: its logits and the taps that the losses read. */
export function teacherSignal(teacher: EncoderModel, losses: readonly WeightedLoss[], batch: Batch): Taps {
  const collector = new TapCollector(losses);
  const logits = lossLogits(teacher, new FloatOps({ onTap: collector.onTap }), batch);
  return { logits, sites: collector.sites };
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

import type { EncoderOps, PackedBatch, Site } from '@sdq/core';
import { createObserver, type ObserverName, ObservingOps, type ResolvedPlan } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import { yieldToEvents } from './yield-to-events.ts';

/** A range of values. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * Runs batches through the float encoder and observes the input of each site whose activation the plan
 * quantizes, with several observers in one pass.
 *
 * @param forward - runs the encoder with the given interpreter
 * @returns for each observer, the range of each site
 */
export async function calibrate<Name extends ObserverName>(
  names: readonly Name[],
  plan: ResolvedPlan,
  float: EncoderOps<tf.Tensor>,
  batches: readonly PackedBatch[],
  forward: (ops: EncoderOps<tf.Tensor>, batch: PackedBatch) => void,
): Promise<Record<Name, Map<Site, Range>>> {
  const layers: ObservingOps[] = [];
  let ops = float;
  for (const name of names) {
    const observing = new ObservingOps(ops, plan, (site) =>
      createObserver(name, plan.get(site)!.activationBits),
    );
    layers.push(observing);
    ops = observing;
  }
  for (const batch of batches) {
    tf.tidy(() => forward(ops, batch));
    await yieldToEvents();
  }
  const ranges = layers.map((layer, i) => [names[i]!, layer.ranges()] as const);
  return Object.fromEntries(ranges) as Record<Name, Map<Site, Range>>;
}

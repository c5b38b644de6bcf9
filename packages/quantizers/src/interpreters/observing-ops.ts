import { type EncoderOps, type Observer, SdqError, type Site } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import { isStatic, type ResolvedPlan } from '../plan/index.ts';
import { WrappedOps } from './wrapped-ops.ts';

/**
 * Runs an encoder in floats and lets one observer a site see the input of each linear whose activation the plan
 * quantizes statically: the calibration pass of post-training quantization.
 */
export class ObservingOps extends WrappedOps {
  /** The observer of each site. */
  readonly observers: ReadonlyMap<Site, Observer>;
  private readonly reached = new Set<Site>();

  constructor(inner: EncoderOps<Tensor>, plan: ResolvedPlan, create: (site: Site) => Observer) {
    super(inner);
    const quantized = [...plan].filter(([, rule]) => isStatic(rule));
    this.observers = new Map(quantized.map(([site]) => [site, create(site)]));
  }

  override linear(site: Site, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    const observer = this.observers.get(site);
    if (observer) {
      observer.observe(x, site);
      this.reached.add(site);
    }
    return super.linear(site, x, weight, bias);
  }

  /**
   * The range of each site that a batch has reached: one that none reaches, as a pooler under a token head, has no range.
   *
   * @throws SdqError `empty-data` when nothing was observed at all: names the first site
   */
  ranges(): Map<Site, { readonly min: number; readonly max: number }> {
    const ranges = new Map<Site, { readonly min: number; readonly max: number }>();
    for (const site of this.reached) ranges.set(site, this.observers.get(site)!.range());
    const [first] = this.observers.keys();
    if (first !== undefined && ranges.size === 0) {
      throw new SdqError(
        'empty-data',
        `No calibration batch reached "${first}": give at least one batch of text.`,
      );
    }
    return ranges;
  }
}

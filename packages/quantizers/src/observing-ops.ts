import type { EncoderOps, Observer, Site } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { ResolvedPlan } from './plan.ts';
import { WrappedOps } from './wrapped-ops.ts';

/**
 * Runs an encoder in floats and lets one observer a site see the input of each linear whose activation the plan
 * quantizes: the calibration pass of static post-training quantization.
 */
export class ObservingOps extends WrappedOps {
  /** The observer of each site. */
  readonly observers: ReadonlyMap<Site, Observer>;

  constructor(inner: EncoderOps<Tensor>, plan: ResolvedPlan, create: (site: Site) => Observer) {
    super(inner);
    const quantized = [...plan].filter(([, rule]) => rule.activationBits !== undefined);
    this.observers = new Map(quantized.map(([site]) => [site, create(site)]));
  }

  override linear(site: Site, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    this.observers.get(site)?.observe(x);
    return super.linear(site, x, weight, bias);
  }
}

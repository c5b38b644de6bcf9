import { type AffineGrid, type EncoderOps, type Observer, SdqError, type Site } from '@sdq/core';
import { fakeQuantize } from '@sdq/kernels';
import type { Tensor } from '@tensorflow/tfjs';
import { gridForRange } from './affine-grid.ts';
import { fakeQuantizePerToken } from './per-token.ts';
import type { ResolvedPlan } from './plan.ts';
import { WrappedOps } from './wrapped-ops.ts';

/** How {@link FakeQuantizedOps} gets the grids of activations, and whether weights still need rounding. */
export interface FakeQuantizedOptions {
  /** The grid of each site's input. */
  readonly grids: Map<Site, AffineGrid>;
  /** With observers, each pass first updates the site's range, and its grid follows: for training. */
  readonly observers?: ReadonlyMap<Site, Observer>;
  /** Set when the weights handed in lie on their grids already, as those of a loaded int8 model do. */
  readonly weightsAreQuantized?: boolean;
}

/**
 * Runs an encoder in floats that lie on the quantized grids: the weight and the input of each linear are rounded
 * as the plan says, with straight-through gradients. A quantizer that knows the whole product computes it itself, in
 * integers where the backend has them, and the inner interpreter does not see it.
 *
 * Source: Jacob et al. 2018, section 3 (simulated quantization).
 */
export class FakeQuantizedOps extends WrappedOps {
  // Query, key and value read one tensor: it is rounded once when their grids agree.
  private last: { input: Tensor; grid: AffineGrid; output: Tensor } | undefined;

  constructor(
    inner: EncoderOps<Tensor>,
    private readonly plan: ResolvedPlan,
    private readonly options: FakeQuantizedOptions,
  ) {
    super(inner);
  }

  override embed(site: Site, ids: Int32Array, table: Tensor): Tensor {
    // Rounding is per row, so the rows that were looked up can be rounded in place of the whole table.
    return this.weight(site, super.embed(site, ids, table));
  }

  override linear(site: Site, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    const rule = this.plan.get(site);
    const quantizer = rule?.weight;
    if (rule?.activationScheme === 'per-token') {
      const rounded = fakeQuantizePerToken(x, rule.activationBits!, true, site);
      return super.linear(site, rounded, this.weight(site, weight), bias);
    }
    const grid = this.grid(site, x);
    if (grid && quantizer?.linear && !this.options.weightsAreQuantized) {
      return quantizer.linear(x, grid, weight, bias, site);
    }
    return super.linear(site, grid ? this.rounded(x, grid, site) : x, this.weight(site, weight), bias);
  }

  private weight(site: Site, weight: Tensor): Tensor {
    const quantizer = this.plan.get(site)?.weight;
    return quantizer && !this.options.weightsAreQuantized ? quantizer.fakeQuantize(weight) : weight;
  }

  /** The grid of a site's input, after its observer has seen x; undefined where the plan leaves the input float. */
  private grid(site: Site, x: Tensor): AffineGrid | undefined {
    const bits = this.plan.get(site)?.activationBits;
    if (bits === undefined) return undefined;
    const { grids, observers } = this.options;
    const observer = observers?.get(site);
    if (observer) {
      observer.observe(x);
      grids.set(site, gridForRange(observer.range(), bits));
    }
    const grid = grids.get(site);
    if (!grid) throw new SdqError('bad-plan', `The site "${site}" has no activation grid: calibrate first.`);
    return grid;
  }

  private rounded(x: Tensor, grid: AffineGrid, site: Site): Tensor {
    const last = this.last;
    if (last && last.input === x && !last.output.isDisposed && sameGrid(last.grid, grid)) return last.output;
    const output = fakeQuantize(x, grid, site);
    this.last = { input: x, grid, output };
    return output;
  }
}

function sameGrid(a: AffineGrid, b: AffineGrid): boolean {
  return a.scale === b.scale && a.zeroPoint === b.zeroPoint && a.qMin === b.qMin && a.qMax === b.qMax;
}

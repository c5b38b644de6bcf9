import { type AffineGrid, type EncoderOps, type Observer, Random, SdqError, type Site } from '@sdq/core';
import { fakeQuantize } from '@sdq/kernels';
import type { Tensor } from '@tensorflow/tfjs';
import { gridForRange } from '../affine-grid.ts';
import { isStatic, type ResolvedPlan } from '../plan/index.ts';
import {
  fakeQuantizePerToken,
  LearnedStepQuantizer,
  learnedStepQuantize,
  type QuantNoise,
  quantNoise,
} from '../weights/index.ts';
import { WrappedOps } from './wrapped-ops.ts';

/** How {@link FakeQuantizedOps} gets the grids of activations, and whether weights still need rounding. */
export interface FakeQuantizedOptions {
  /** The grid of each site's input. */
  readonly grids: Map<Site, AffineGrid>;
  /** With observers, each pass first updates the site's range, and its grid follows: for training. */
  readonly observers?: ReadonlyMap<Site, Observer>;
  /** Set when the weights handed in lie on their grids already, as those of a loaded int8 model do. */
  readonly weightsAreQuantized?: boolean;
  /** Quantizes a share of each weight only, other blocks for each site: for training. Give each step another seed. */
  readonly noise?: QuantNoise;
  /** The rows of the whole table that a table handed in has, by site: for training that gathers the rows of a batch first. */
  readonly tableRows?: ReadonlyMap<Site, Int32Array>;
  /** Learned steps [1] of inputs, in place of grids: signed integers around zero. */
  readonly inputSteps?: ReadonlyMap<Site, Tensor>;
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
    const quantizer = this.plan.get(site)?.weight;
    const tableRows = this.options.tableRows?.get(site);
    if (quantizer?.granularity === 'tensor' || quantizer instanceof LearnedStepQuantizer) {
      return super.embed(site, ids, this.weight(site, table, tableRows));
    }
    // Rounding is per row, so the rows that were looked up can be rounded in place of the whole table.
    const rowIds = tableRows ? ids.map((id) => tableRows[id]!) : ids;
    return this.weight(site, super.embed(site, ids, table), rowIds);
  }

  override linear(site: Site, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    const quantizer = this.plan.get(site)?.weight;
    const { weightsAreQuantized, noise } = this.options;
    const grid = this.grid(site, x);
    if (grid && quantizer?.linear && !weightsAreQuantized && !noise) {
      return quantizer.linear(x, grid, weight, bias, site);
    }
    return super.linear(site, this.round(site, x, grid), this.weight(site, weight), bias);
  }

  /** An input as the linear of a site takes it. */
  input(site: Site, x: Tensor): Tensor {
    return this.round(site, x, this.grid(site, x));
  }

  /**
   * A weight as its site uses it.
   *
   * @param rowIds - which rows of the whole weight are handed in; by default all
   */
  weight(site: Site, weight: Tensor, rowIds?: Int32Array): Tensor {
    const quantizer = this.plan.get(site)?.weight;
    if (!quantizer || this.options.weightsAreQuantized) return weight;
    const quantized = quantizer.fakeQuantize(weight, site);
    const { noise } = this.options;
    if (!noise) return quantized;
    const own = { ...noise, seed: new Random(noise.seed).fork(site).seed };
    return quantNoise(weight, quantized, own, rowIds);
  }

  /** The grid of a site's input, after its observer has seen x; undefined where the input has no grid of its own. */
  private grid(site: Site, x: Tensor): AffineGrid | undefined {
    const rule = this.plan.get(site);
    const { grids, observers, inputSteps } = this.options;
    if (!rule || !isStatic(rule) || inputSteps?.has(site)) return undefined;
    const observer = observers?.get(site);
    if (observer) {
      observer.observe(x, site);
      grids.set(
        site,
        gridForRange(observer.range(), rule.activationBits, rule.activationScheme === 'symmetric'),
      );
    }
    const grid = grids.get(site);
    if (!grid) throw new SdqError('bad-plan', `The site "${site}" has no activation grid: calibrate first.`);
    return grid;
  }

  /** An input on its grid; without one it is float, on a grid a token, or on learned steps. */
  private round(site: Site, x: Tensor, grid: AffineGrid | undefined): Tensor {
    if (grid) return this.rounded(x, grid, site);
    const bits = this.plan.get(site)?.activationBits;
    if (bits === undefined) return x;
    const step = this.options.inputSteps?.get(site);
    if (!step) return fakeQuantizePerToken(x, bits, true, site);
    const half = 2 ** (bits - 1);
    return learnedStepQuantize(x, step, { qMin: -half, qMax: half - 1 }, site, x.shape.at(-1));
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

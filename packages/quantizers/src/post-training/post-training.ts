import {
  type AffineGrid,
  type EncoderOps,
  type QuantizedRows,
  type RoleOf,
  SdqError,
  type Site,
  yieldToEvents,
} from '@sdq/core';
import { fakeQuantize } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { gridForRange } from '../affine-grid.ts';
import { Gram } from '../gram.ts';
import {
  ListeningOps,
  type SharedInput,
  SmoothedOps,
  smoothingDivisors,
  TracingOps,
} from '../interpreters/index.ts';
import type { ObserverName } from '../observers/index.ts';
import {
  gridsForRanges,
  isPerToken,
  type Plan,
  type PlanRule,
  perTokenBits,
  type ResolvedPlan,
  resolvePlan,
  sitesOf,
} from '../plan/index.ts';
import { valuesOf } from '../values-of.ts';
import { dequantizeRows, fakeQuantizePerToken, floatsOf, requireLevels } from '../weights/index.ts';
import { type AdaRoundOptions, adaRound } from './adaround.ts';
import { calibrate } from './calibrate.ts';
import { type GptqOptions, gptq } from './gptq.ts';

/** A model to quantize: its parameters by their names in the checkpoint, and how a batch runs through it. */
export interface CalibratedModel<Batch> {
  readonly parameters: ReadonlyMap<string, tf.Tensor>;
  /** The roles of its parameters, for plans that select by them, as the ready ones do. */
  readonly roleOf?: RoleOf;
  /** The interpreter that computes in floats. */
  readonly float: EncoderOps<tf.Tensor>;
  /** The logits of a batch under an interpreter, with the parameters above or others of the same names. */
  forward(ops: EncoderOps<tf.Tensor>, parameters: ReadonlyMap<string, tf.Tensor>, batch: Batch): tf.Tensor;
}

/** Which methods {@link quantize} uses. */
export interface PostTrainingOptions {
  /** What finds the ranges of static activations; by default `min-max`. */
  readonly observer?: ObserverName;
  /** How weights are rounded; by default `nearest`. */
  readonly rounding?: 'nearest' | 'gptq' | 'adaround';
  readonly gptq?: GptqOptions;
  readonly adaRound?: AdaRoundOptions;
  /** Moves the difficulty of activations to weights first: alpha in [0, 1], or the best of a search for each input. */
  readonly smoothQuant?: { readonly alpha: number | 'search' };
  /** Whether biases make up for the mean error of weights and activations. */
  readonly biasCorrection?: boolean;
  /** The most memory for Gram matrices; with less, the batches run more often. By default 64 MiB. */
  readonly gramBytes?: number;
}

/** What {@link quantize} found. */
export interface PostTrainingResult {
  /** Integers and scales of the planned weights, by parameter name. */
  readonly weights: ReadonlyMap<string, QuantizedRows>;
  /** The grids of static activations, by site. */
  readonly grids: ReadonlyMap<Site, AffineGrid>;
  /** The bits of activations that get a grid a token, by site. */
  readonly perToken: ReadonlyMap<Site, number>;
  /** Biases and LayerNorm parameters that changed, by name: the caller disposes them. */
  readonly changed: ReadonlyMap<string, tf.Tensor>;
  /** For {@link SmoothedOps}: what the input of a linear is divided by, where no LayerNorm could take it. */
  readonly divisors: ReadonlyMap<Site, Float32Array>;
}

const ALPHAS = Array.from({ length: 11 }, (_, i) => i / 10);
/** The token rows of each input that the search for alpha looks at. */
const SAMPLE_ROWS = 256;

/**
 * Quantizes a trained model after training, on calibration batches: dynamic where the plan says per token, else static
 * with the chosen observer, after SmoothQuant where asked, with weights rounded to nearest, by GPTQ or by AdaRound, and
 * biases corrected where asked.
 *
 * GPTQ and AdaRound see the inputs that the layers before them, quantized already, give. Inputs are never kept: memory is
 * bounded by `gramBytes`, whatever the number of batches. Source of bias correction: Nagel et al. 2019, "Data-Free
 * Quantization Through Weight Equalization and Bias Correction", section 4.2.
 *
 * @param batches - iterated several times
 * @throws SdqError `bad-plan` when a rule matches no site of the model; `empty-data` without batches; `bad-value` when
 * a weight or activation is not finite: names the site; `bad-option`, for GPTQ or AdaRound with a quantizer that states no
 * levels too: names it and the site
 *
 * @example
 * ```ts
 * import { type CalibratedModel, createPlan, quantize } from '@sdq/quantizers';
 *
 * const w8a8 = <Batch>(model: CalibratedModel<Batch>, batches: readonly Batch[]) =>
 *   quantize(model, batches, createPlan('w8a8'), { observer: 'mse', rounding: 'gptq' });
 * ```
 */
export async function quantize<Batch>(
  model: CalibratedModel<Batch>,
  batches: readonly Batch[],
  plan: Plan,
  options: PostTrainingOptions = {},
): Promise<PostTrainingResult> {
  const run = new PostTraining(
    model,
    batches,
    resolvePlan(plan, sitesOf(model.parameters), model.roleOf),
    options,
  );
  try {
    return await run.all();
  } finally {
    run.dispose();
  }
}

class PostTraining<Batch> {
  /** Starts as the model's, and is replaced name by name. */
  private readonly parameters: Map<string, tf.Tensor>;
  private readonly weights = new Map<string, QuantizedRows>();
  private readonly divisors = new Map<Site, Float32Array>();
  private readonly kept = new Set<string>();
  private readonly retired: tf.Tensor[] = [];

  constructor(
    private readonly model: CalibratedModel<Batch>,
    private readonly batches: readonly Batch[],
    private readonly plan: ResolvedPlan,
    private readonly options: PostTrainingOptions,
  ) {
    this.parameters = new Map(model.parameters);
    if (batches.length === 0) {
      throw new SdqError('empty-data', 'There are no calibration batches: give at least one batch of text.');
    }
  }

  async all(): Promise<PostTrainingResult> {
    const { rounding = 'nearest', smoothQuant, biasCorrection, observer = 'min-max' } = this.options;
    const shared = this.trace();
    if (rounding !== 'nearest') {
      // Found here rather than after minutes of calibration.
      for (const site of shared.flatMap(({ sites }) => sites)) {
        const quantizer = this.plan.get(site)?.weight;
        if (quantizer) requireLevels(quantizer, site);
      }
    }
    if (smoothQuant) await this.smooth(shared, smoothQuant.alpha);
    const ranges = await calibrate(this.calibrated(), this.batches, this.plan, [observer]);
    const grids = gridsForRanges(ranges[observer], this.plan);
    const means = new Map<Site, Mean>();
    // The means of float inputs: taken before any weight is rounded.
    if (biasCorrection) await this.collectMeans(shared, grids, means);
    const original = new Map(this.parameters);
    if (rounding !== 'nearest') await this.roundByError(shared, rounding);
    for (const [site, rule] of this.plan) {
      const name = `${site}.weight`;
      if (rule.weight && !this.weights.has(name)) {
        this.weights.set(name, rule.weight.quantize(this.parameters.get(name)!, site));
      }
    }
    for (const [site, mean] of means) this.correctBias(site, mean, original.get(`${site}.weight`)!);
    const changed = [...this.kept].map((name) => [name, this.parameters.get(name)!] as const);
    return {
      weights: this.weights,
      grids,
      perToken: perTokenBits(this.plan),
      changed: new Map(changed),
      divisors: this.divisors,
    };
  }

  /** Disposes what was made on the way and is not in the result. */
  dispose(): void {
    for (const [name, tensor] of this.parameters) {
      if (tensor !== this.model.parameters.get(name) && !this.kept.has(name)) tensor.dispose();
    }
    tf.dispose(this.retired);
  }

  private trace(): SharedInput[] {
    const tracing = new TracingOps(this.model.float);
    tf.tidy(() => void this.model.forward(tracing, this.parameters, this.batches[0]!));
    return tracing.shared();
  }

  /** The model with the parameters that it has by now, and inputs divided where SmoothQuant asks for it. */
  private calibrated(): CalibratedModel<Batch> {
    const { model, parameters } = this;
    const forward: typeof model.forward = (ops, parameters, batch) =>
      model.forward(this.smoothed(ops), parameters, batch);
    return { ...model, parameters, forward };
  }

  private smoothed(ops: EncoderOps<tf.Tensor>): EncoderOps<tf.Tensor> {
    return this.divisors.size === 0 ? ops : new SmoothedOps(ops, this.divisors);
  }

  private async forEachBatch(wrap: (float: EncoderOps<tf.Tensor>) => EncoderOps<tf.Tensor>): Promise<void> {
    for (const batch of this.batches) {
      tf.tidy(() => void this.model.forward(wrap(this.model.float), this.parameters, batch));
      await yieldToEvents();
    }
  }

  private listen(listen: (site: Site, x: tf.Tensor) => void): Promise<void> {
    return this.forEachBatch((float) => this.smoothed(new ListeningOps(float, listen)));
  }

  private replace(name: string, tensor: tf.Tensor, keep = false): void {
    const old = this.parameters.get(name);
    // Bias correction still reads the float weights, so what was replaced lives until the end.
    if (old && old !== this.model.parameters.get(name)) this.retired.push(old);
    this.parameters.set(name, tensor);
    if (keep) this.kept.add(name);
  }

  private async smooth(shared: readonly SharedInput[], alpha: number | 'search'): Promise<void> {
    const eligible = shared.filter(({ sites }) =>
      sites.every((site) => this.plan.get(site)?.weight && this.plan.get(site)!.activationBits !== undefined),
    );
    const statistics = new Map(eligible.map(({ sites }) => [sites[0]!, new ChannelStatistics()]));
    await this.listen((site, x) => statistics.get(site)?.add(x));
    for (const { sites, layerNorm } of eligible) {
      const { largest, sample } = statistics.get(sites[0]!)!;
      const names = sites.map((site) => `${site}.weight`);
      const columns = columnMaxima(names.map((name) => this.parameters.get(name)!));
      const best = alpha === 'search' ? this.searchAlpha(sites, largest, columns, sample) : alpha;
      const divisors = smoothingDivisors(largest, columns, best);
      tf.tidy(() => {
        const row = tf.tensor1d(divisors);
        for (const name of names) this.replace(name, tf.keep(this.parameters.get(name)!.mul(row)));
        if (layerNorm === undefined) return;
        for (const name of [`${layerNorm}.weight`, `${layerNorm}.bias`]) {
          this.replace(name, tf.keep(this.parameters.get(name)!.div(row)), true);
        }
      });
      if (layerNorm === undefined) for (const site of sites) this.divisors.set(site, divisors);
    }
  }

  /** The alpha with the least squared error of the outputs on a sample, weights and inputs quantized. */
  private searchAlpha(
    sites: readonly Site[],
    largest: ArrayLike<number>,
    columns: ArrayLike<number>,
    sample: Float32Array,
  ): number {
    let best = { alpha: 0.5, error: Infinity };
    for (const alpha of ALPHAS) {
      const error = tf.tidy(() => {
        const x = tf.tensor2d(sample, [sample.length / largest.length, largest.length]);
        const divisors = tf.tensor1d(smoothingDivisors(largest, columns, alpha));
        const errors = sites.map((site) => {
          const { weight, ...rule } = this.plan.get(site)!;
          const float = this.parameters.get(`${site}.weight`) as tf.Tensor2D;
          const rounded = weight!.fakeQuantize(float.mul(divisors), site) as tf.Tensor2D;
          const input = onOwnGrid(x.div(divisors), rule, site) as tf.Tensor2D;
          const expected = tf.matMul(x, float, false, true);
          return tf.matMul(input, rounded, false, true).sub(expected).square().sum();
        });
        return tf.addN(errors).dataSync()[0]!;
      });
      if (error < best.error) best = { alpha, error };
    }
    return best.alpha;
  }

  /** GPTQ or AdaRound, a few linears a pass: as many as their Gram matrices fit into memory. */
  private async roundByError(shared: readonly SharedInput[], rounding: 'gptq' | 'adaround'): Promise<void> {
    const budget = this.options.gramBytes ?? 64 * 2 ** 20;
    const pending = shared
      .map(({ sites }) => sites.filter((site) => this.plan.get(site)?.weight))
      .filter((sites) => sites.length > 0);
    while (pending.length > 0) {
      const grams = new Map<Site, Gram>();
      const taken: Site[][] = [];
      let bytes = 0;
      for (; pending.length > 0; taken.push(pending.shift()!)) {
        const [first] = pending[0]!;
        const size = this.parameters.get(`${first}.weight`)!.shape[1]!;
        bytes += 8 * size * size;
        if (taken.length > 0 && bytes > budget) break;
        grams.set(first!, new Gram(size));
      }
      await this.listen((site, x) => grams.get(site)?.add(x, site));
      for (const sites of taken) {
        for (const site of sites) this.roundOne(site, grams.get(sites[0]!)!, rounding);
        grams.delete(sites[0]!);
      }
    }
  }

  private roundOne(site: Site, gram: Gram, rounding: 'gptq' | 'adaround'): void {
    const name = `${site}.weight`;
    const weight = this.parameters.get(name)!;
    const quantizer = this.plan.get(site)!.weight!;
    const rows =
      rounding === 'gptq'
        ? gptq(weight, gram, quantizer, this.options.gptq, site)
        : adaRound(weight, gram, quantizer, this.options.adaRound, site);
    this.weights.set(name, rows);
    this.replace(name, dequantizeRows(rows));
  }

  private async collectMeans(
    shared: readonly SharedInput[],
    grids: ReadonlyMap<Site, AffineGrid>,
    means: Map<Site, Mean>,
  ): Promise<void> {
    for (const site of shared.flatMap(({ sites }) => sites)) {
      if (this.plan.get(site)?.weight && this.parameters.has(`${site}.bias`)) means.set(site, new Mean());
    }
    await this.listen((site, x) => {
      const mean = means.get(site);
      if (!mean) return;
      tf.tidy(() => {
        const rule = this.plan.get(site)!;
        const grid = grids.get(site);
        const rounded = grid
          ? fakeQuantize(x, grid, site)
          : isPerToken(rule)
            ? fakeQuantizePerToken(x, rule.activationBits!, true, site)
            : x;
        mean.add(x, rounded);
      });
    });
  }

  /** b + W mean(x) - W' mean(x'): the mean output is then that of the float model. */
  private correctBias(site: Site, mean: Mean, weight: tf.Tensor): void {
    if (mean.count === 0) return;
    const name = `${site}.bias`;
    const float = weight.dataSync();
    const rounded = floatsOf(this.weights.get(`${site}.weight`)!);
    const bias = Float32Array.from(this.parameters.get(name)!.dataSync(), (value, row) => {
      let shift = 0;
      for (let i = 0; i < mean.float.length; i++) {
        const at = row * mean.float.length + i;
        shift += float[at]! * mean.float[i]! - rounded[at]! * mean.rounded[i]!;
      }
      return value + shift / mean.count;
    });
    this.replace(name, tf.tensor1d(bias), true);
  }
}

/** The largest magnitude of each channel of an input, and its first rows. */
class ChannelStatistics {
  largest = new Float32Array(0);
  sample = new Float32Array(0);

  add(x: tf.Tensor): void {
    const values = x.dataSync() as Float32Array;
    const width = x.shape[1]!;
    if (this.largest.length === 0) this.largest = new Float32Array(width);
    for (let i = 0; i < values.length; i++) {
      const magnitude = Math.abs(values[i]!);
      if (magnitude > this.largest[i % width]!) this.largest[i % width] = magnitude;
    }
    const missing = SAMPLE_ROWS * width - this.sample.length;
    if (missing <= 0) return;
    const sample = new Float32Array(this.sample.length + Math.min(missing, values.length));
    sample.set(this.sample);
    sample.set(values.subarray(0, sample.length - this.sample.length), this.sample.length);
    this.sample = sample;
  }
}

/** Sums of a linear's inputs, as they are and as they are rounded. */
class Mean {
  float = new Float64Array(0);
  rounded = new Float64Array(0);
  count = 0;

  add(x: tf.Tensor, rounded: tf.Tensor): void {
    this.float = added(this.float, x.sum(0).dataSync());
    this.rounded = added(this.rounded, rounded.sum(0).dataSync());
    this.count += x.shape[0]!;
  }
}

function added(sums: Float64Array, values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  return Float64Array.from(values, (value, i) => value + (sums[i] ?? 0));
}

function columnMaxima(weights: readonly tf.Tensor[]): Float32Array {
  return valuesOf(() => tf.stack(weights.map((weight) => weight.abs().max(0))).max(0));
}

/** A sample on the grid that its own range, or each of its tokens, gives. */
function onOwnGrid(x: tf.Tensor, rule: Omit<PlanRule, 'weight'>, site: Site): tf.Tensor {
  const bits = rule.activationBits!;
  if (isPerToken(rule)) return fakeQuantizePerToken(x, bits, true, site);
  const range = { min: x.min().dataSync()[0]!, max: x.max().dataSync()[0]! };
  return fakeQuantize(x, gridForRange(range, bits, rule.activationScheme === 'symmetric'), site);
}

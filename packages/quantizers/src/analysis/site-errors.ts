import {
  type AffineGrid,
  type EncoderOps,
  type Layout,
  type Site,
  type TapPoint,
  yieldToEvents,
} from '@sdq/core';
import type { ErrorPart, SiteError, TensorError } from '@sdq/core/results';
import * as tf from '@tensorflow/tfjs';
import { FakeQuantizedOps } from '../interpreters/index.ts';
import type { ResolvedPlan } from '../plan/index.ts';
import type { CalibratedModel } from '../post-training/index.ts';
import { requireBatches } from './output-error.ts';

/** A model whose tensors are compared with those of a float model. */
export interface ComparedModel {
  /** What each site gets. */
  readonly plan: ResolvedPlan;
  /** The grids of static activations, by site. */
  readonly grids: ReadonlyMap<Site, AffineGrid>;
  /** Its parameters, where they are not the float model's; those of planned sites lie on their grids already. */
  readonly parameters?: ReadonlyMap<string, tf.Tensor>;
}

/**
 * The error in every weight, input, linear, attention, LayerNorm and the logits of a quantized model, its own and
 * accumulated, in the order in which they run.
 *
 * Source: O'Neill and Dutta 2023, "Self-Distilled Quantization", section 1 and figure 1, for the question: where does
 * the error of quantization accumulate?
 *
 * @param float - the model that is right
 * @throws SdqError `empty-data` without batches
 *
 * @example
 * ```ts
 * import { type CalibratedModel, createPlan, quantize, resolvePlan, siteErrors, sitesOf } from '@sdq/quantizers';
 *
 * async function worst<Batch>(model: CalibratedModel<Batch>, batches: readonly Batch[]) {
 *   const plan = createPlan('w8a8');
 *   const { grids } = await quantize(model, batches, plan);
 *   const errors = await siteErrors(model, batches, { plan: resolvePlan(plan, sitesOf(model.parameters), model.roleOf), grids });
 *   return errors.sort((a, b) => b.accumulated.mse - a.accumulated.mse)[0]!.site;
 * }
 * ```
 */
export async function siteErrors<Batch>(
  float: CalibratedModel<Batch>,
  batches: readonly Batch[],
  { plan, grids, parameters }: ComparedModel,
): Promise<SiteError[]> {
  requireBatches(batches);
  const counterparts = new Map<tf.Tensor, tf.Tensor>();
  for (const [name, tensor] of float.parameters) {
    const other = parameters?.get(name);
    if (other) counterparts.set(tensor, other);
  }
  const options = { grids: new Map(grids), weightsAreQuantized: parameters !== undefined };
  const sums = new Map<string, SiteSums>();
  for (const batch of batches) {
    tf.tidy(() => {
      const quantized = new FakeQuantizedOps(float.float, plan, options);
      const ops = new ComparingOps(float.float, quantized, counterparts, sums);
      ops.logits(float.forward(ops, float.parameters, batch));
    });
    await yieldToEvents();
  }
  return [...sums.values()].map(({ site, part, local, accumulated }) => ({
    site,
    part,
    local: local.error(),
    accumulated: accumulated.error(),
  }));
}

interface SiteSums {
  readonly site: Site;
  readonly part: ErrorPart;
  readonly local: ErrorSums;
  readonly accumulated: ErrorSums;
}

/** Sums over batches. */
class ErrorSums {
  private squaredError = 0;
  private squaredFloat = 0;
  private squaredOther = 0;
  private product = 0;
  private count = 0;

  add(float: tf.Tensor, other: tf.Tensor): void {
    const sums = tf.stack([
      other.sub(float).square().sum(),
      float.square().sum(),
      other.square().sum(),
      float.mul(other).sum(),
    ]);
    const [squaredError, squaredFloat, squaredOther, product] = sums.dataSync();
    this.squaredError += squaredError!;
    this.squaredFloat += squaredFloat!;
    this.squaredOther += squaredOther!;
    this.product += product!;
    this.count += float.size;
  }

  error(): TensorError {
    const lengths = Math.sqrt(this.squaredFloat * this.squaredOther);
    return {
      mse: this.squaredError / this.count,
      sqnr: this.squaredError > 0 ? 10 * Math.log10(this.squaredFloat / this.squaredError) : null,
      cosine: lengths > 0 ? this.product / lengths : 1,
    };
  }
}

/**
 * Runs an encoder in floats, and beside each float tensor what quantization makes of it: in `local` since the last linear,
 * in `accumulated` since the embeddings.
 */
class ComparingOps implements EncoderOps<tf.Tensor> {
  private readonly local = new Map<tf.Tensor, tf.Tensor>();
  private readonly accumulated = new Map<tf.Tensor, tf.Tensor>();

  /** @param counterparts - the quantized model's parameters, by those of the float model */
  constructor(
    private readonly float: EncoderOps<tf.Tensor>,
    private readonly quantized: FakeQuantizedOps,
    private readonly counterparts: ReadonlyMap<tf.Tensor, tf.Tensor>,
    private readonly sums: Map<string, SiteSums>,
  ) {}

  embed(site: Site, ids: Int32Array, table: tf.Tensor): tf.Tensor {
    const found = this.run((ops, of) => ops.embed(site, ids, of(table)), false);
    return this.compare(site, 'embedding', found);
  }

  linear(site: Site, x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    const stored = this.quantized.weight(site, this.parameter(weight));
    this.record(site, 'weight', weight, stored, stored);
    const [near, far] = [
      this.quantized.input(site, x),
      this.quantized.input(site, this.accumulated.get(x) ?? x),
    ];
    this.record(site, 'input', x, near, far);
    const found = this.run((ops, of) => ops.linear(site, of(x), of(weight), of(bias)), true);
    return this.compare(site, 'linear', found);
  }

  attention(site: Site, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, layout: Layout, heads: number): tf.Tensor {
    const found = this.run((ops, of) => ops.attention(site, of(q), of(k), of(v), layout, heads), false);
    return this.compare(site, 'attention', found);
  }

  layerNorm(site: Site, x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): tf.Tensor {
    const found = this.run((ops, of) => ops.layerNorm(site, of(x), of(gamma), of(beta), epsilon), false);
    return this.compare(site, 'layerNorm', found);
  }

  gelu(x: tf.Tensor): tf.Tensor {
    return this.run((ops, of) => ops.gelu(of(x)), false);
  }

  tanh(x: tf.Tensor): tf.Tensor {
    return this.run((ops, of) => ops.tanh(of(x)), false);
  }

  add(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return this.run((ops, of) => ops.add(of(a), of(b)), false);
  }

  /** The identity: errors are measured outside training. */
  dropout(x: tf.Tensor): tf.Tensor {
    return x;
  }

  firstTokens(x: tf.Tensor, layout: Layout): tf.Tensor {
    return this.run((ops, of) => ops.firstTokens(of(x), layout), false);
  }

  tap(_point: TapPoint, x: tf.Tensor): tf.Tensor {
    return x;
  }

  /** Records the error of what the forward pass gave. */
  logits(x: tf.Tensor): void {
    this.compare('logits', 'logits', x);
  }

  private parameter(tensor: tf.Tensor): tf.Tensor {
    return this.counterparts.get(tensor) ?? tensor;
  }

  /** @param fresh - whether the local error starts anew here, from the float inputs */
  private run(
    operation: (ops: EncoderOps<tf.Tensor>, of: (x: tf.Tensor) => tf.Tensor) => tf.Tensor,
    fresh: boolean,
  ): tf.Tensor {
    const output = operation(this.float, (x) => x);
    this.local.set(
      output,
      operation(this.quantized, (x) => (fresh ? undefined : this.local.get(x)) ?? this.parameter(x)),
    );
    this.accumulated.set(
      output,
      operation(this.quantized, (x) => this.accumulated.get(x) ?? this.parameter(x)),
    );
    return output;
  }

  private compare(site: Site, part: ErrorPart, output: tf.Tensor): tf.Tensor {
    this.record(site, part, output, this.local.get(output)!, this.accumulated.get(output)!);
    return output;
  }

  private record(
    site: Site,
    part: ErrorPart,
    float: tf.Tensor,
    local: tf.Tensor,
    accumulated: tf.Tensor,
  ): void {
    const key = `${site} ${part}`;
    const sums = this.sums.get(key) ?? { site, part, local: new ErrorSums(), accumulated: new ErrorSums() };
    this.sums.set(key, sums);
    tf.tidy(() => {
      sums.local.add(float, local);
      sums.accumulated.add(float, accumulated);
    });
  }
}

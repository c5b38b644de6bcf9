import { type LossTerm, type Random, type RoleOf, SdqError } from '@sdq/core';
import { AdamW, type AdamWStepOptions, embedding, globalNorm, variableGradients } from '@sdq/kernels';
import { type Batch, concatenate, type EncodedExample, labelledRows, packBatch } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { layerRates } from './layer-decay.ts';
import { compactRows } from './row-compaction.ts';
import { warmupCosine, warmupLinear } from './schedule.ts';
import type { TrainingRecipe } from './training-recipe.ts';
import type { TrainingStep } from './training-steps.ts';
import type { WeightAverage } from './weight-average.ts';

/** The loss of one batch: the sum to descend, and its parts for the log. */
export interface StepLoss {
  readonly total: tf.Scalar;
  readonly parts: Readonly<Record<string, tf.Scalar>>;
  /** What each part adds to the sum; where it is absent all are means over the labelled rows. */
  readonly terms?: Readonly<Record<string, LossTerm>>;
}

/** What is computed for a batch outside of the gradient's tape. */
export interface Prepared<P> {
  readonly value: P;
  /** Called after the batch. */
  dispose(): void;
}

/** What the loss of a batch may use. */
export interface StepContext<P = unknown> {
  readonly step: number;
  readonly totalSteps: number;
  readonly random: Random;
  /** The value that `prepare` returned. */
  readonly prepared: P | undefined;
  /** With `sparse`: the table's rows [unique ids, hidden] that the batch's ids count in. */
  readonly rows: tf.Variable | undefined;
  /** [unique ids], with `sparse`: which rows of the table `rows` holds. */
  readonly rowIds?: Int32Array | undefined;
}

/** What a {@link StepRunner} needs. */
export interface StepRequest<P = unknown> {
  readonly stage: string;
  readonly examples: readonly EncodedExample[];
  /** The parameters to train, by name; their values change in place. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** Of the model's family: which layers learn slower, and which parameters weight decay leaves alone. */
  readonly roleOf: RoleOf;
  readonly recipe: TrainingRecipe;
  /** The loss of a batch; it may draw from `random`, which is the same for the same seed and batch. */
  readonly loss: (batch: Batch, context: StepContext<P>) => StepLoss;
  /** What the loss of a batch needs and no gradient passes through, such as a teacher's outputs. */
  readonly prepare?: ((batch: Batch) => Prepared<P>) | undefined;
  /** The table of which a step trains only the rows that its batches' ids name. */
  readonly sparse?: string | undefined;
}

/** What a step tells: its losses are means over the rows of all its batches, not over batches of unequal size. */
export interface StepFigures {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly [part: string]: number;
}

/** Takes the steps of training: losses, gradients, clipping, AdamW. */
export class StepRunner<P = unknown> {
  readonly optimizer = new AdamW();
  private readonly rateOf: ((name: string) => number) | undefined;

  constructor(
    private readonly request: StepRequest<P>,
    private readonly totalSteps: number,
    private readonly random: Random,
    private readonly average?: WeightAverage,
  ) {
    const { layerDecay } = request.recipe;
    this.rateOf =
      layerDecay < 1 ? layerRates(request.variables.keys(), layerDecay, request.roleOf) : undefined;
  }

  /**
   * Takes a step.
   *
   * @param index - of the step, from 0
   * @throws SdqError `bad-value` when the loss or a gradient is not finite; nothing is changed then
   */
  take(step: TrainingStep, index: number): StepFigures {
    const { examples, variables, sparse } = this.request;
    const batches = step.batches.map((group) => packBatch(examples, group));
    const table = sparse === undefined ? undefined : variables.get(sparse);
    const compacted =
      table &&
      compactRows(
        concatenate(
          batches.map(({ ids }) => ids),
          Int32Array,
        ),
      );
    const rows = compacted && tf.tidy(() => tf.variable(embedding(table, compacted.rowIds)));
    let gradients: tf.NamedTensorMap = {};
    try {
      const losses: BatchLoss[] = [];
      let at = 0;
      for (const [i, batch] of batches.entries()) {
        const ids = compacted?.ids.subarray(at, at + batch.ids.length);
        at += batch.ids.length;
        const context = {
          step: index,
          totalSteps: this.totalSteps,
          random: this.random.fork(`step ${step.batchesBefore + i}`),
          rows,
          rowIds: compacted?.rowIds,
        };
        const one = this.backward(batch, ids, context);
        losses.push(one.loss);
        gradients = i === 0 ? one.gradients : added(gradients, one.gradients);
      }
      const norm = globalNorm(Object.values(gradients)) / batches.length;
      if (!Number.isFinite(norm)) throw this.notFinite('gradient', norm, index, batches, gradients);
      const options = this.options(index, norm, batches.length);
      const { [sparse ?? '']: rowGradients, ...dense } = gradients;
      const change = () => {
        this.optimizer.step(dense, Object.fromEntries(variables), options);
        if (compacted && rowGradients) {
          this.optimizer.stepRows(sparse!, compacted.rowIds, rowGradients, table, options);
        }
      };
      if (this.average) this.average.update(change, compacted?.rowIds);
      else change();
      return { ...meanLoss(losses), gradientNorm: norm, learningRate: options.learningRate };
    } finally {
      tf.dispose(gradients);
      rows?.dispose();
    }
  }

  dispose(): void {
    this.optimizer.dispose();
  }

  private options(index: number, norm: number, batches: number): AdamWStepOptions {
    const { recipe, roleOf } = this.request;
    const schedule = recipe.decay === 'cosine' ? warmupCosine : warmupLinear;
    return {
      learningRate: recipe.learningRate * schedule(index, this.totalSteps, recipe.warmupShare),
      ...(this.rateOf && { rateOf: this.rateOf }),
      gradientScale: Math.min(1, recipe.clipNorm / (norm + 1e-6)) / batches,
      weightDecay: (name) => (decays(name, roleOf) ? recipe.weightDecay : 0),
    };
  }

  /**
   * The losses of a batch, and the gradients by the parameters' names, those of rows by their table's.
   *
   * @param ids - of the batch, counted in the rows
   */
  private backward(
    batch: Batch,
    ids: Int32Array | undefined,
    context: Omit<StepContext, 'prepared'>,
  ): { loss: BatchLoss; gradients: tf.NamedTensorMap } {
    const { variables, sparse, prepare, loss } = this.request;
    const { rows, step } = context;
    const leaves = new Map(variables);
    if (rows) leaves.set(sparse!, rows);
    const parts: Record<string, number> = {};
    let terms: StepLoss['terms'];
    const prepared = prepare?.(batch);
    try {
      const { value, grads } = variableGradients(() => {
        const found = loss(ids ? { ...batch, ids } : batch, {
          ...context,
          prepared: prepared?.value,
        });
        for (const [name, part] of Object.entries(found.parts)) parts[name] = part.dataSync()[0]!;
        terms = found.terms;
        return found.total;
      }, [...leaves.values()]);
      const gradients = Object.fromEntries([...leaves].map(([name, leaf]) => [name, grads[leaf.name]!]));
      const total = value.dataSync()[0]!;
      value.dispose();
      if (!Number.isFinite(total)) {
        const error = this.notFinite('loss', total, step, [batch], gradients);
        tf.dispose(gradients);
        throw error;
      }
      return { loss: { total, parts, terms, rows: labelledRows(batch) }, gradients };
    } catch (cause) {
      throw this.located(cause, step, batch);
    } finally {
      prepared?.dispose();
    }
  }

  private notFinite(
    what: string,
    found: number,
    step: number,
    batches: readonly Batch[],
    gradients: tf.NamedTensorMap,
  ): StepError {
    const { name, norm } = worstGradient(gradients);
    const how = Number.isFinite(norm)
      ? `the largest gradient, of norm ${norm.toPrecision(3)},`
      : `a gradient of norm ${norm}`;
    return new StepError(
      `The ${what} of "${this.request.stage}" is ${found} at step ${step + 1}, on the examples ${named(batches)}, ` +
        `and "${name}" has ${how}: lower the learning rate.`,
    );
  }

  /** What a kernel or quantizer said of a value that is not finite, with the step and the examples. */
  private located(cause: unknown, step: number, batch: Batch): unknown {
    if (!(cause instanceof SdqError) || cause.code !== 'bad-value' || cause instanceof StepError)
      return cause;
    const { stage } = this.request;
    return new StepError(
      `At step ${step + 1} of "${stage}", on the examples ${named([batch])}: ${cause.message}`,
      { cause },
    );
  }
}

/** The loss of a batch in numbers. */
interface BatchLoss {
  readonly total: number;
  readonly parts: Readonly<Record<string, number>>;
  readonly terms: StepLoss['terms'];
  /** With a label. */
  readonly rows: number;
}

/** The loss and its parts, each a mean over the rows of all batches. */
function meanLoss(batches: readonly BatchLoss[]): { loss: number; [part: string]: number } {
  const { parts: names, terms } = batches[0]!;
  const parts = Object.fromEntries(
    Object.keys(names).map((name) => [
      name,
      weightedMean(batches.map((batch) => [batch.parts[name]!, batch.terms?.[name]?.rows ?? batch.rows])),
    ]),
  );
  const loss = terms
    ? Object.entries(terms).reduce((sum, [name, { weight }]) => sum + weight * parts[name]!, 0)
    : weightedMean(batches.map(({ total, rows }) => [total, rows]));
  return { loss, ...parts };
}

function weightedMean(values: readonly (readonly [value: number, weight: number])[]): number {
  const total = values.reduce((sum, [, weight]) => sum + weight, 0);
  // Without a single row each loss is 0.
  if (total === 0) return 0;
  return values.reduce((sum, [value, weight]) => sum + (value * weight) / total, 0);
}

/** A value that is not finite, told with its step and examples. */
class StepError extends SdqError {
  constructor(message: string, options?: ErrorOptions) {
    super('bad-value', message, options);
  }
}

/** The first gradient that is not finite, or else the largest. */
function worstGradient(gradients: tf.NamedTensorMap): { readonly name: string; readonly norm: number } {
  const norms = Object.entries(gradients).map(([name, gradient]) => ({ name, norm: globalNorm([gradient]) }));
  const infinite = norms.find(({ norm }) => !Number.isFinite(norm));
  return infinite ?? norms.reduce((largest, one) => (one.norm > largest.norm ? one : largest));
}

function named(batches: readonly Batch[]): string {
  return batches.flatMap(({ examples }) => examples).join(', ');
}

/** The sums of gradients of the same names, in place of the summands. */
function added(a: tf.NamedTensorMap, b: tf.NamedTensorMap): tf.NamedTensorMap {
  const sum = tf.tidy(() =>
    Object.fromEntries(Object.entries(a).map(([name, gradient]) => [name, tf.add(gradient, b[name]!)])),
  );
  tf.dispose([a, b]);
  return sum;
}

/** Biases and normalizations are not drawn to zero. */
function decays(name: string, roleOf: RoleOf): boolean {
  return name.endsWith('.weight') && roleOf(name)?.role !== 'norm';
}

import { Random, type Reporter, SdqError, type Taps, yieldToEvents } from '@sdq/core';
import { AdamW, embedding, globalNorm } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { type Batch, groupByTokens, packBatch } from './batches.ts';
import type { EncodedExample } from './encoded-example.ts';
import { compactRows } from './row-compaction.ts';
import { warmupLinear } from './schedule.ts';
import { disposeTaps, keptTaps } from './teacher-signal.ts';

/** How one stage of training runs. */
export interface TrainingRecipe {
  readonly epochs: number;
  /** The largest learning rate, reached after the warm-up. */
  readonly learningRate: number;
  /** The share of all steps in which the learning rate rises, in [0, 1). */
  readonly warmupShare: number;
  /** Decoupled weight decay of matrices; biases and LayerNorm have none. */
  readonly weightDecay: number;
  /** The largest global norm of the gradients. */
  readonly clipNorm: number;
  readonly tokensPerBatch: number;
  /** The share of activations that dropout zeroes, in [0, 1). */
  readonly dropout: number;
}

/** The loss of one step: the sum to descend, and its parts for the log. */
export interface StepLoss {
  readonly total: tf.Scalar;
  readonly parts: Readonly<Record<string, tf.Scalar>>;
}

/** What {@link train} needs. */
export interface TrainingRequest {
  readonly stage: string;
  readonly examples: readonly EncodedExample[];
  /** The parameters to train, by name; their values change in place. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  readonly recipe: TrainingRecipe;
  readonly seed: number;
  readonly reporter: Reporter;
  /** The loss of a batch; it may draw from `random`, which is the same for the same seed and step. */
  readonly loss: (batch: Batch, step: StepContext) => StepLoss;
  /** What the teacher shows for a batch, taken outside of the gradient's tape; the trainer disposes it. */
  readonly prepare?: ((batch: Batch) => Taps) | undefined;
  /** The score on English dev, after each epoch. */
  readonly evaluate?: (() => Promise<number>) | undefined;
  /** The table of which a step trains only the rows that the batch's ids name. */
  readonly sparse?: string | undefined;
}

/** What the loss of a step may use. */
export interface StepContext {
  readonly step: number;
  readonly totalSteps: number;
  readonly random: Random;
  /** What `prepare` returned. */
  readonly prepared: Taps | undefined;
  /** With `sparse`: the table's rows [unique ids, hidden] that the batch's ids count in. */
  readonly rows: tf.Variable | undefined;
}

/** What a stage of training did. */
export interface TrainingSummary {
  readonly steps: number;
  readonly tokens: number;
  readonly seconds: number;
}

/**
 * Trains variables by AdamW with warm-up, linear decay and clipping of the global gradient norm, on batches
 * filled by token budget.
 *
 * The order of the data, every random mask and so the result depend on the seed alone.
 *
 * @throws SdqError `bad-value` when the loss or a gradient is no longer finite: names the step and the examples
 */
export async function train(request: TrainingRequest): Promise<TrainingSummary> {
  const { stage, examples, variables, recipe, reporter } = request;
  const random = new Random(request.seed).fork(stage);
  const lengths = examples.map(({ ids }) => ids.length);
  const epochs = Array.from({ length: recipe.epochs }, (_, epoch) =>
    groupByTokens(lengths, recipe.tokensPerBatch, random.fork(`epoch ${epoch}`)),
  );
  const totalSteps = epochs.reduce((sum, groups) => sum + groups.length, 0);
  const totalTokens = recipe.epochs * lengths.reduce((a, b) => a + b, 0);
  const optimizer = new AdamW();
  const dense = new Map([...variables].filter(([name]) => name !== request.sparse));
  const leaves = [...dense.values()];
  const started = performance.now();
  let step = 0;
  let tokens = 0;
  let evaluating = 0;
  let score: number | undefined;
  reporter.start(stage, totalTokens, 'tokens');
  try {
    for (const groups of epochs) {
      for (const group of groups) {
        const batch = packBatch(examples, group);
        const figures = trainStep(batch, step);
        tokens += batch.ids.length;
        step += 1;
        const seconds = (performance.now() - started - evaluating) / 1000;
        reporter.event({ event: 'step', stage, step, ...figures, tokensPerSecond: tokens / seconds });
        reporter.progress(tokens, {
          'tokens/s': tokens / seconds,
          loss: figures.loss,
          ...(score === undefined ? {} : { 'en dev': score }),
        });
        await yieldToEvents();
      }
      if (request.evaluate) {
        const before = performance.now();
        score = await request.evaluate();
        evaluating += performance.now() - before;
        reporter.event({ event: 'evaluation', stage, step, language: 'en', score });
      }
    }
  } finally {
    reporter.stop();
    optimizer.dispose();
  }
  return { steps: step, tokens, seconds: (performance.now() - started - evaluating) / 1000 };

  function trainStep(batch: Batch, step: number): { loss: number; [figure: string]: number } {
    const prepared = request.prepare && keptTaps(() => request.prepare!(batch));
    const table = request.sparse === undefined ? undefined : variables.get(request.sparse);
    const compacted = table && compactRows(batch.ids);
    const rows = compacted && tf.tidy(() => tf.variable(embedding(table, compacted.rowIds)));
    const parts: Record<string, number> = {};
    const context: StepContext = {
      step,
      totalSteps,
      random: random.fork(`step ${step}`),
      prepared,
      rows,
    };
    const { value, grads } = tf.variableGrads(
      () => {
        const loss = request.loss(compacted ? { ...batch, ids: compacted.ids } : batch, context);
        for (const [name, part] of Object.entries(loss.parts)) parts[name] = part.dataSync()[0]!;
        return loss.total;
      },
      rows ? [...leaves, rows] : leaves,
    );
    const loss = value.dataSync()[0]!;
    const norm = globalNorm(Object.values(grads));
    if (Number.isFinite(loss) && Number.isFinite(norm)) {
      const options = {
        learningRate: recipe.learningRate * warmupLinear(step, totalSteps, recipe.warmupShare),
        gradientScale: Math.min(1, recipe.clipNorm / (norm + 1e-6)),
        weightDecay: (name: string) => (decays(name) ? recipe.weightDecay : 0),
      };
      optimizer.step(
        Object.fromEntries([...dense].map(([name, leaf]) => [name, grads[leaf.name]!])),
        Object.fromEntries(dense),
        options,
      );
      if (rows) optimizer.stepRows(request.sparse!, compacted.rowIds, grads[rows.name]!, table, options);
    }
    tf.dispose([value, grads]);
    if (prepared) disposeTaps(prepared);
    rows?.dispose();
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
      const [what, found] = Number.isFinite(loss) ? ['gradient', norm] : ['loss', loss];
      throw new SdqError(
        'bad-value',
        `The ${what} of "${stage}" is ${found} at step ${step + 1}, on the examples ${batch.examples.join(', ')}: ` +
          'lower the learning rate.',
      );
    }
    return { loss, ...parts, gradientNorm: norm };
  }
}

function decays(name: string): boolean {
  return name.endsWith('.weight') && !name.includes('LayerNorm');
}

import { type AffineGrid, type PackedBatch, Random, type Site, type Taps } from '@sdq/core';
import {
  attentionOutputKl,
  combineLosses,
  disposeTaps,
  keptTaps,
  logitKl,
  TapCollector,
} from '@sdq/distillation';
import { AdamW, globalNorm, softmaxCrossEntropy, variableGradients } from '@sdq/kernels';
import {
  type EncoderConfig,
  type EncoderModel,
  encoderShapes,
  FloatOps,
  familyOf,
  forward,
  type Head,
  initialHead,
  wordTable,
} from '@sdq/models';
import {
  createPlan,
  FakeQuantizedOps,
  gridsForRanges,
  MovingAverageObserver,
  ObservingOps,
  type ResolvedPlan,
  resolvePlan,
  sitesOf,
} from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';

const LABELS = 17;

/** What a {@link SyntheticModel} does in a step. */
export type StepMode = 'fp32' | 'qat' | 'sdq';

/** How {@link syntheticModel} is made. */
export interface SyntheticOptions {
  /** A multiple of 12; 384 is the size of multilingual-e5-small, 768 that of XLM-R base. */
  readonly hidden: number;
  /** Token rows of each sequence of the one batch that it works on. */
  readonly lengths: readonly number[];
  /** `fp32`: fine-tuning; `qat`: the task's loss on quantized products; `sdq`: beside it logit KL and Att-KLD against
   * a teacher's outputs that are there already, as from a cache. */
  readonly mode: StepMode;
  /** In `sdq` mode: the teacher runs in every step. */
  readonly liveTeacher?: boolean;
  /** In training; 0 when absent. */
  readonly dropout?: number;
  readonly layers?: number;
}

/** An encoder with random weights and one batch, for measurements. */
export interface SyntheticModel {
  readonly tokens: number;
  readonly model: EncoderModel;
  readonly batch: PackedBatch;
  readonly plan: ResolvedPlan;
  /** The grids of all inputs, calibrated on the batch; empty in `fp32` mode. */
  readonly grids: ReadonlyMap<Site, AffineGrid>;
  /** One forward pass without training; waits for the logits. */
  forward(): Promise<void>;
  /** One whole step of training: forward, backward, clipping, AdamW. */
  step(): void;
  dispose(): void;
}

/**
 * An encoder of 12 layers with random weights like a trained one's in scale, which trains as the pipeline does: what
 * benchmarks and profiles measure, without a checkpoint or data.
 *
 * @example
 * ```ts
 * import { syntheticModel } from '@sdq/pipeline';
 *
 * const model = syntheticModel({ hidden: 24, layers: 1, lengths: [3, 2], mode: 'sdq' });
 * model.step();
 * model.tokens; // 5
 * model.dispose();
 * ```
 */
export function syntheticModel(options: SyntheticOptions): SyntheticModel {
  const { hidden, lengths, mode, liveTeacher = false, dropout = 0, layers = 12 } = options;
  const random = new Random(0);
  const config = configOf(hidden, layers, dropout);
  const head: Head = {
    kind: 'token-classification',
    labels: Array.from({ length: LABELS }, (_, i) => `L${i}`),
  };
  const parameters = randomParameters(config, head, random);
  const batch = randomBatch(lengths, config.vocabularySize, random);
  const leaves = new Map([...parameters].filter(([name]) => name !== wordTable(config))) as Map<
    string,
    tf.Variable
  >;
  const plan = resolvePlan(createPlan('w8a8'), sitesOf(parameters), familyOf(config.family).roleOf);
  const ranges = mode === 'fp32' ? new Map() : calibrated(config, head, parameters, plan, batch);
  const grids = gridsForRanges(ranges, plan);
  const observers = new Map(
    [...ranges].map(([site, range]) => [site, new MovingAverageObserver(0.99, range)]),
  );
  const distillation =
    mode === 'sdq'
      ? combineLosses([logitKl(), attentionOutputKl()].map((loss) => ({ loss, weight: 1 })))
      : undefined;
  const optimizer = new AdamW();

  const taps = (training: boolean, quantized: boolean): Taps => {
    const collector = new TapCollector(distillation ?? { taps: () => false }, config);
    const float = new FloatOps({
      dropout: training && dropout > 0 ? random : undefined,
      onTap: collector.onTap,
    });
    const ops = quantized
      ? new FakeQuantizedOps(float, plan, { grids, ...(training ? { observers } : {}) })
      : float;
    return {
      logits: forward(ops, config, parameters, batch, head).logits,
      shown: collector.shown,
    };
  };
  const show = () => keptTaps(() => taps(false, false));
  const cached = mode === 'sdq' && !liveTeacher ? show() : undefined;

  return {
    tokens: batch.ids.length,
    model: { config, head, parameters },
    batch,
    plan,
    grids,
    async forward() {
      const logits = tf.tidy(() => taps(false, mode !== 'fp32').logits);
      await logits.data();
      logits.dispose();
    },
    step() {
      const teacher = cached ?? (distillation && show());
      const { value, grads } = variableGradients(() => {
        const student = taps(true, mode !== 'fp32');
        const task = softmaxCrossEntropy(student.logits as tf.Tensor2D, batch.labels);
        if (!distillation) return task;
        const context = { offsets: batch.offsets, teacher: config, student: config };
        return tf.add(task, distillation.compute(teacher!, student, context, 0).total) as tf.Scalar;
      }, [...leaves.values()]);
      const norm = globalNorm(Object.values(grads));
      optimizer.step(
        Object.fromEntries([...leaves].map(([name, leaf]) => [name, grads[leaf.name]!])),
        Object.fromEntries(leaves),
        { learningRate: 1e-5, weightDecay: () => 0.01, gradientScale: Math.min(1, 1 / (norm + 1e-6)) },
      );
      tf.dispose([value, ...Object.values(grads)]);
      if (teacher && teacher !== cached) disposeTaps(teacher);
    },
    dispose() {
      optimizer.dispose();
      tf.dispose([...parameters.values()]);
      if (cached) disposeTaps(cached);
    },
  };
}

function configOf(hidden: number, layers: number, dropout: number): EncoderConfig {
  return {
    family: 'bert',
    hiddenSize: hidden,
    layers,
    heads: 12,
    intermediateSize: 4 * hidden,
    vocabularySize: 4096,
    positions: 512,
    tokenTypes: 2,
    layerNormEpsilon: 1e-12,
    hiddenDropout: dropout,
    classifierDropout: dropout,
    padId: 0,
  };
}

/** All variables but the word embeddings, which training leaves frozen. */
function randomParameters(config: EncoderConfig, head: Head, random: Random): Map<string, tf.Tensor> {
  const parameters = new Map<string, tf.Tensor>();
  const words = wordTable(config);
  const { roleOf } = familyOf(config.family);
  const add = (name: string, values: Float32Array, shape: readonly number[]) => {
    const tensor = tf.tensor(values, [...shape]);
    parameters.set(name, name === words ? tensor : tf.variable(tensor));
    if (name !== words) tensor.dispose();
  };
  for (const [name, shape] of encoderShapes(config)) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (name.endsWith('.weight') && roleOf(name)?.role === 'norm') values.fill(1);
    else if (name.endsWith('.weight')) {
      const stream = random.fork(name);
      for (let i = 0; i < values.length; i++) values[i] = 0.05 * stream.normal();
    }
    add(name, values, shape);
  }
  for (const [name, { data, shape }] of initialHead(config, head, random)) add(name, data, shape);
  return parameters;
}

function randomBatch(lengths: readonly number[], vocabulary: number, random: Random) {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i]! + length;
  const below = (count: number) =>
    Int32Array.from({ length: offsets.at(-1)! }, () => random.uint32() % count);
  return { ids: below(vocabulary), offsets, labels: below(LABELS) };
}

function calibrated(
  config: EncoderConfig,
  head: Head,
  parameters: ReadonlyMap<string, tf.Tensor>,
  plan: ResolvedPlan,
  batch: PackedBatch,
) {
  const ops = new ObservingOps(new FloatOps(), plan, () => new MovingAverageObserver());
  tf.tidy(() => void forward(ops, config, parameters, batch, head));
  return ops.ranges();
}

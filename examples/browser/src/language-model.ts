import { type AffineGrid, type EncoderOps, Random, type Site } from '@sdq/core';
import { AdamW, quantizeRows, softmaxCrossEntropy, softmaxKl } from '@sdq/kernels';
import {
  type EncoderBatch,
  type EncoderConfig,
  encoderShapes,
  FloatOps,
  familyOf,
  forward,
  type Head,
  initialHead,
} from '@sdq/models';
import {
  createPlan,
  FakeQuantizedOps,
  gridsForRanges,
  type ResolvedPlan,
  resolvePlan,
  sitesOf,
  WrappedOps,
} from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';

/** A sentence and the index of its language. */
export interface Sentence {
  readonly text: string;
  readonly label: number;
}

/** A rounded model as plain data: matrices in 8 bits with a scale a row, and the grids of activations. */
export interface StoredModel {
  readonly languages: readonly string[];
  readonly matrices: Readonly<
    Record<string, { readonly values: string; readonly scales: readonly number[] }>
  >;
  readonly vectors: Readonly<Record<string, readonly number[]>>;
  readonly grids: Readonly<Record<string, AffineGrid>>;
}

const TOKENS = 48;
const VOCABULARY = 2048;

const CONFIG: EncoderConfig = {
  family: 'bert',
  hiddenSize: 32,
  layers: 1,
  heads: 2,
  intermediateSize: 64,
  vocabularySize: VOCABULARY,
  positions: TOKENS + 1,
  tokenTypes: 1,
  layerNormEpsilon: 1e-12,
  hiddenDropout: 0,
  classifierDropout: 0,
  padId: 0,
};

/**
 * A small encoder that tells the language of a sentence from its pairs of letters: trained in floats, rounded to 8 bits, then
 * trained on while rounded, towards what it said before (O'Neill and Dutta 2023, "Self-Distilled Quantization").
 */
export class LanguageModel {
  readonly head: Head;
  private readonly variables = new Map<string, tf.Variable>();
  private readonly plan: ResolvedPlan;
  private readonly random: Random;
  private grids = new Map<string, AffineGrid>();
  private quantized: FakeQuantizedOps | undefined;

  /** @param batch - sentences of a training step */
  constructor(
    languages: readonly string[],
    seed: number,
    private readonly batch = 26,
  ) {
    this.head = { kind: 'sequence-classification', labels: [...languages] };
    this.random = new Random(seed);
    const { roleOf } = familyOf(CONFIG.family);
    for (const [name, shape] of encoderShapes(CONFIG)) {
      const stream = this.random.fork(name);
      const isMatrix = shape.length === 2;
      const fill = name.endsWith('.weight') && roleOf(name)?.role === 'norm' ? 1 : 0;
      const size = shape.reduce((product, n) => product * n, 1);
      const values = Float32Array.from({ length: size }, () => (isMatrix ? 0.1 * stream.normal() : fill));
      this.variables.set(name, tf.variable(tf.tensor(values, [...shape])));
    }
    for (const [name, { shape, data }] of initialHead(CONFIG, this.head, this.random.fork('head'))) {
      this.variables.set(name, tf.variable(tf.tensor(data, [...shape])));
    }
    this.plan = resolvePlan(createPlan('w8a8'), sitesOf(this.variables), roleOf);
  }

  /** The model that {@link stored} gave. */
  static from({ languages, matrices, vectors, grids }: StoredModel): LanguageModel {
    const model = new LanguageModel(languages, 1);
    for (const [name, variable] of model.variables) {
      const [, columns] = variable.shape as [number, number];
      const matrix = matrices[name];
      const values = matrix
        ? bytesOf(matrix.values).map((value, i) => value * matrix.scales[Math.floor(i / columns)]!)
        : Float32Array.from(vectors[name]!);
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
    }
    model.round(new Map(Object.entries(grids)));
    return model;
  }

  /** The rounded model as plain data. */
  stored(): StoredModel {
    const all = [...this.variables];
    const matrices = all.filter(([, { rank }]) => rank === 2);
    const vectors = all.filter(([, { rank }]) => rank !== 2);
    return {
      languages: this.head.labels,
      matrices: Object.fromEntries(
        matrices.map(([name, matrix]) => {
          const { values, scales } = quantizeRows(matrix, 8, name);
          return [name, { values: base64Of(values), scales: [...scales] }];
        }),
      ),
      vectors: Object.fromEntries(vectors.map(([name, x]) => [name, [...x.dataSync()]])),
      grids: Object.fromEntries(this.grids),
    };
  }

  /** Frees the weights. */
  dispose(): void {
    tf.dispose([...this.variables.values()]);
  }

  /** Bytes of the weights in floats, and with matrices in 8 bits and a scale a row. */
  bytes(): { float: number; quantized: number } {
    let [float, quantized] = [0, 0];
    for (const { shape, size } of this.variables.values()) {
      float += 4 * size;
      quantized += shape.length === 2 ? size + 4 * shape[0]! : 4 * size;
    }
    return { float, quantized };
  }

  /** Trains in floats; gives the loss of each step. */
  train(sentences: readonly Sentence[], steps: number, onStep: OnStep): Promise<number[]> {
    return this.optimize(sentences, steps, 5e-3, onStep, (batch, labels) =>
      softmaxCrossEntropy(this.logits(new FloatOps(), batch), labels),
    );
  }

  /** Finds the grids of the activations; from here on the model can run rounded. */
  async quantize(sentences: readonly Sentence[]): Promise<void> {
    const ops = new RangeOps(new FloatOps());
    tf.tidy(() => void this.logits(ops, batchOf(sentences)));
    const ranges = new Map<Site, { min: number; max: number }>();
    for (const [site, ends] of ops.ends) {
      const [min, max] = await ends.data();
      ends.dispose();
      ranges.set(site, { min: min!, max: max! });
    }
    this.round(gridsForRanges(ranges, this.plan));
  }

  private round(grids: Map<string, AffineGrid>): void {
    this.grids = grids;
    this.quantized = new FakeQuantizedOps(new FloatOps(), this.plan, { grids });
  }

  /** Trains the rounded model to say what the float model said; gives the divergence of each step. */
  async distill(sentences: readonly Sentence[], steps: number, onStep: OnStep): Promise<number[]> {
    const teacher = new Map([...this.variables].map(([name, x]) => [name, x.clone()]));
    const losses = await this.optimize(sentences, steps, 1e-3, onStep, (batch) => {
      const wanted = forward(new FloatOps(), CONFIG, teacher, batch, this.head).logits;
      return softmaxKl(wanted, this.logits(this.quantized!, batch), 1);
    });
    tf.dispose([...teacher.values()]);
    return losses;
  }

  /** The index of the language of each sentence. */
  async predict(sentences: readonly Pick<Sentence, 'text'>[], rounded: boolean): Promise<number[]> {
    const ops = rounded ? this.quantized! : new FloatOps();
    const logits = tf.tidy(() => this.logits(ops, batchOf(sentences)));
    const values = await logits.data();
    logits.dispose();
    const width = this.head.labels.length;
    return sentences.map((_, i) => {
      const row = values.slice(i * width, (i + 1) * width);
      return row.indexOf(Math.max(...row));
    });
  }

  private logits(ops: EncoderOps<tf.Tensor>, batch: EncoderBatch): tf.Tensor {
    return forward<tf.Tensor>(ops, CONFIG, this.variables, batch, this.head).logits;
  }

  private async optimize(
    sentences: readonly Sentence[],
    steps: number,
    learningRate: number,
    onStep: OnStep,
    lossOf: (batch: EncoderBatch, labels: Int32Array) => tf.Scalar,
  ): Promise<number[]> {
    const optimizer = new AdamW();
    const byName = Object.fromEntries(this.variables);
    const list = [...this.variables.values()];
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      const drawn = Array.from({ length: this.batch }, () => sentences[this.random.below(sentences.length)]!);
      const labels = Int32Array.from(drawn, ({ label }) => label);
      const loss = tf.tidy(() => {
        const { value, grads } = tf.variableGrads(() => lossOf(batchOf(drawn), labels), list);
        const gradients = Object.fromEntries(
          Object.entries(byName).map(([name, variable]) => [name, grads[variable.name]!]),
        );
        optimizer.step(gradients, byName, { learningRate });
        return value;
      });
      losses.push((await loss.data())[0]!);
      loss.dispose();
      onStep(step + 1, losses.at(-1)!);
    }
    optimizer.dispose();
    return losses;
  }
}

/**
 * Computes in floats, and finds the ends of each linear layer's input. Observers of @sdq/quantizers read them at once, which
 * browsers can only do by way of a canvas: here they stay on the GPU.
 */
class RangeOps extends WrappedOps {
  /** By site: [smallest, largest]. */
  readonly ends = new Map<Site, tf.Tensor>();

  override linear(site: Site, x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    this.ends.set(site, tf.keep(tf.stack([x.min(), x.max()])));
    return super.linear(site, x, weight, bias);
  }
}

/** Called after each step, from 1. */
export type OnStep = (step: number, loss: number) => void;

/** Sentences as tokens, packed: token 1, then a token for each pair of letters. */
function batchOf(sentences: readonly Pick<Sentence, 'text'>[]): EncoderBatch {
  const ids: number[] = [];
  const offsets = [0];
  for (const { text } of sentences) {
    const letters = [...text.toLowerCase()];
    ids.push(1);
    for (let i = 0; i + 1 < letters.length && i < TOKENS; i++)
      ids.push(pairToken(letters[i]!, letters[i + 1]!));
    offsets.push(ids.length);
  }
  return { ids: Int32Array.from(ids), offsets: Int32Array.from(offsets) };
}

function pairToken(first: string, second: string): number {
  const hash = Math.imul(first.codePointAt(0)!, 31_337) + Math.imul(second.codePointAt(0)!, 7_919);
  return 2 + ((hash >>> 0) % (VOCABULARY - 2));
}

function base64Of(values: Int8Array): string {
  let bytes = '';
  for (const value of values) bytes += String.fromCharCode(value & 0xff);
  return btoa(bytes);
}

/** The signed bytes behind base64, as floats. */
function bytesOf(text: string): Float32Array {
  return Float32Array.from(Int8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
}

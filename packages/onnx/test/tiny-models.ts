import { type AffineGrid, type EncoderOps, Random, type Site, type WeightQuantizer } from '@sdq/core';
import {
  type EncoderBatch,
  type EncoderConfig,
  encoderShapes,
  FloatOps,
  forward,
  type Head,
  type HeadKind,
  type HostTensor,
  headShapes,
  type QuantizedModel,
} from '@sdq/models';
import {
  createObserver,
  dequantizeRows,
  FakeQuantizedOps,
  fakeQuantizePerToken,
  gridForRange,
  ObservingOps,
  perChannel,
  type ResolvedPlan,
  WrappedOps,
} from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';

export const FAMILIES: readonly string[] = ['bert', 'xlm-roberta'];
export const KINDS: readonly HeadKind[] = [
  'sequence-classification',
  'token-classification',
  'question-answering',
];

export interface TinyModel {
  readonly config: EncoderConfig;
  readonly head: Head;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** A small random model; its weights are large enough that every layer shows in the logits. */
export function tinyModel(family: string, kind: HeadKind): TinyModel {
  const config: EncoderConfig = {
    family,
    hiddenSize: 48,
    layers: 2,
    heads: 3,
    intermediateSize: 80,
    vocabularySize: 60,
    positions: 32,
    tokenTypes: family === 'bert' ? 2 : 1,
    layerNormEpsilon: 1e-5,
    hiddenDropout: 0.1,
    classifierDropout: 0.1,
    padId: family === 'bert' ? 0 : 1,
  };
  const labels = kind === 'question-answering' ? ['start', 'end'] : ['no', 'maybe', 'yes'];
  const head: Head = { kind, labels };
  const random = new Random(11);
  const shapes = [...encoderShapes(config), ...headShapes(config, head)];
  const tensors = new Map<string, HostTensor>(
    shapes.map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, length) => product * length, 1));
      const base = name.endsWith('LayerNorm.weight') ? 1 : 0;
      for (let i = 0; i < data.length; i++) data[i] = base + 0.25 * random.normal();
      return [name, { shape, data }];
    }),
  );
  return { config, head, tensors };
}

/** Sequences of unlike lengths, with all token types that the model has. */
export function tinyBatch(config: EncoderConfig, lengths: readonly number[] = [7, 1, 12, 4]): EncoderBatch {
  const random = new Random(3);
  const offsets = Int32Array.of(0, ...lengths);
  for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
  const tokens = offsets.at(-1)!;
  const ids = Int32Array.from({ length: tokens }, () => random.below(config.vocabularySize));
  const tokenTypes = Int32Array.from({ length: tokens }, () => random.below(config.tokenTypes));
  return { ids, offsets, tokenTypes };
}

/** The sequence `i` of a batch alone. */
export function sequenceOf(batch: EncoderBatch, i: number): EncoderBatch {
  const [from, to] = [batch.offsets[i]!, batch.offsets[i + 1]!];
  return {
    ids: batch.ids.slice(from, to),
    offsets: Int32Array.of(0, to - from),
    tokenTypes: batch.tokenTypes!.slice(from, to),
  };
}

/** The logits under the float interpreter. */
export function floatLogits({ config, head, tensors }: TinyModel, batch: EncoderBatch): Float32Array {
  return logits(new FloatOps(), config, head, tensorsOf(tensors), batch);
}

/**
 * The model with integer weights, embeddings at 8 bits a row, and grids for the input of every linear layer from one
 * batch.
 */
export function quantize(model: TinyModel, weight: WeightQuantizer, activationBits = 8): QuantizedModel {
  const parameters = tensorsOf(model.tensors);
  const plan = new Map<Site, { match: Site; weight: WeightQuantizer; activationBits?: number }>();
  for (const [name, { rank }] of parameters) {
    if (rank !== 2) continue;
    const site = name.slice(0, -'.weight'.length);
    const table = site.startsWith('embeddings.');
    plan.set(site, { match: site, ...(table ? { weight: perChannel(8) } : { weight, activationBits }) });
  }
  const observing = new ObservingOps(new FloatOps(), plan, () => createObserver('min-max'));
  logits(observing, model.config, model.head, parameters, tinyBatch(model.config));
  const grids = new Map<Site, AffineGrid>();
  for (const [site, range] of observing.ranges()) {
    const grid = gridForRange(range, activationBits);
    // As a file holds it.
    grids.set(site, { ...grid, scale: Math.fround(grid.scale) });
  }
  const weights = new Map(
    [...plan].map(([site, rule]) => {
      const name = `${site}.weight`;
      return [name, rule.weight.quantize(parameters.get(name)!)];
    }),
  );
  const floats = new Map([...model.tensors].filter(([name]) => !weights.has(name)));
  return { config: model.config, head: model.head, weights, grids, floats };
}

/** The model with symmetric grids that come by token in place of those from calibration. */
export function perToken({ grids, ...model }: QuantizedModel, bits: number): QuantizedModel {
  return { ...model, grids: new Map(), perToken: new Map([...grids.keys()].map((site) => [site, bits])) };
}

/** Rounds the input of each site by token. */
class PerTokenOps extends WrappedOps {
  constructor(
    inner: EncoderOps<tf.Tensor>,
    private readonly bits: ReadonlyMap<Site, number>,
  ) {
    super(inner);
  }

  override linear(site: Site, x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    const bits = this.bits.get(site);
    return super.linear(site, bits === undefined ? x : fakeQuantizePerToken(x, bits), weight, bias);
  }
}

/** The logits of a quantized model under simulated quantization. */
export function quantizedLogits(model: QuantizedModel, batch: EncoderBatch): Float32Array {
  const parameters = tensorsOf(model.floats);
  for (const [name, rows] of model.weights) parameters.set(name, dequantizeRows(rows));
  const plan: ResolvedPlan = new Map(
    [...model.grids.keys()].map((site) => [site, { match: site, activationBits: 8 }]),
  );
  const options = { grids: new Map(model.grids), weightsAreQuantized: true };
  const tokens = new PerTokenOps(new FloatOps(), model.perToken ?? new Map());
  const ops = new FakeQuantizedOps(tokens, plan, options);
  return logits(ops, model.config, model.head, parameters, batch);
}

function tensorsOf(host: ReadonlyMap<string, HostTensor>): Map<string, tf.Tensor> {
  return new Map([...host].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]));
}

function logits(
  ops: EncoderOps<tf.Tensor>,
  config: EncoderConfig,
  head: Head,
  parameters: ReadonlyMap<string, tf.Tensor>,
  batch: EncoderBatch,
): Float32Array {
  return tf.tidy(() => forward(ops, config, parameters, batch, head).logits.dataSync() as Float32Array);
}

/** The largest absolute difference, infinite where a number lacks or is none. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, difference);
  }
  return largest;
}

/** The index of the largest number of each row. */
export function argMax(rows: ArrayLike<number>, columns: number): number[] {
  return Array.from({ length: rows.length / columns }, (_, row) => {
    let best = 0;
    for (let i = 1; i < columns; i++) if (rows[row * columns + i]! > rows[row * columns + best]!) best = i;
    return best;
  });
}

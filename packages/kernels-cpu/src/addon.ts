import { createRequire } from 'node:module';
import { type AffineGrid, type BackendPeaks, SdqError } from '@sdq/core';
import { damageOf } from './damaged-file.ts';

type Floats = Float32Array;
type Ints = Int32Array;

/** What the AdamW kernels need, as the addon names it. */
interface AddonAdamStep {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly gradientScale: number;
  readonly step: number;
}

/** A weight [rows, columns] as packed integers and a scale a row, in native memory. */
export interface AddonQuantizedWeight {
  /** Takes values; false when one is not finite. */
  quantize(weight: Floats, levels: number): boolean;
  /** Gives the memory back. */
  free(): void;
}

/** Which instructions and how many threads the kernels use. */
export interface SdqCpuInfo {
  readonly path: 'avx512vnni' | 'avx512' | 'avxvnni' | 'avx2' | 'portable';
  readonly threads: number;
  /** What the gradients of quantized linear layers are multiplied in. */
  readonly gradients: 'float32' | 'bfloat16';
  readonly version: string;
}

/** Where the rows of a native step go: buffers by number, a site to name when a value for bytes is not finite. */
export interface ProgramSink {
  readonly width: number;
  readonly floats?: number;
  readonly bytes?: { readonly buffer: number; readonly grid: AffineGrid; readonly site: number };
}

/** A term of a native sum. */
export type ProgramTerm =
  | { readonly kind: 'table'; readonly table: number; readonly indices: number }
  | { readonly kind: 'floats' | 'firstTokens'; readonly buffer: number };

/** Columns of a buffer [tokens, step], from `first` on. */
interface ProgramPart {
  readonly buffer: number;
  readonly first: number;
  readonly step: number;
}

/** A step of an integer program: buffers, linears, tables and vectors of floats by their numbers. */
export type ProgramStep = { readonly out: ProgramSink } & (
  | {
      readonly kind: 'sumRows';
      readonly terms: readonly ProgramTerm[];
      readonly norm?: { readonly gamma: number; readonly beta: number; readonly epsilon: number };
      readonly function: 'identity' | 'gelu' | 'tanh';
      readonly perSequence: boolean;
    }
  | {
      readonly kind: 'integerLinear';
      readonly x: number;
      readonly linear: number;
      readonly function: 'identity' | 'gelu' | 'tanh';
      readonly perSequence: boolean;
    }
  | {
      readonly kind: 'floatLinear';
      readonly x: number;
      readonly weight: number;
      readonly bias: number;
      readonly perSequence: boolean;
    }
  | {
      readonly kind: 'attention';
      readonly q: ProgramPart;
      readonly k: ProgramPart;
      readonly v: ProgramPart;
      readonly heads: number;
    }
);

/** An integer program with its parameters. */
interface ProgramSpec {
  readonly steps: readonly ProgramStep[];
  readonly linears: readonly {
    readonly values: Int8Array;
    readonly scales: Floats;
    readonly bias: Floats;
    readonly grid: AffineGrid;
  }[];
  readonly tables: readonly {
    readonly floats?: Floats;
    readonly values?: Int8Array;
    readonly scales?: Floats;
  }[];
  readonly floats: readonly Floats[];
  readonly floatWidths: readonly number[];
  readonly byteWidths: readonly number[];
}

/** One caller's hold on an integer program. */
export interface AddonProgram {
  readonly number: number;
  readonly bufferBytes: number;
  /** Returns the number of the site that got NaN or infinity, if one did. */
  run(indices: readonly Ints[], offsets: Ints, out: Floats): number | null | undefined;
  seconds(): Record<string, number>;
  close(): void;
}

/** The functions of the Rust addon (crate/src): inputs first, the arrays they write last. */
export interface Addon {
  info(): SdqCpuInfo;
  readonly IntegerProgram: (new (spec: ProgramSpec) => AddonProgram) & { open(number: number): AddonProgram };
  batchMatmul(
    a: Floats,
    b: Floats,
    out: Floats,
    batch: number,
    m: number,
    n: number,
    k: number,
    transpose: number,
    aStep: number,
    bStep: number,
  ): void;
  binary(operation: number, a: Floats, b: Floats, out: Floats): void;
  withScalar(operation: number, a: Floats, b: number, out: Floats): void;
  addN(inputs: Floats[], out: Floats): void;
  tanh(x: Floats, out: Floats): void;
  softmax(x: Floats, width: number, out: Floats): void;
  linear(x: Floats, weight: Floats, bias: Floats, out: Floats, m: number, n: number, k: number): void;
  linearGradInput(dy: Floats, weight: Floats, dx: Floats, m: number, n: number, k: number): void;
  linearGradWeight(dy: Floats, x: Floats, dw: Floats, m: number, n: number, k: number): void;
  linearGradBias(dy: Floats, db: Floats): void;
  gelu(x: Floats, out: Floats): void;
  geluGrad(x: Floats, dy: Floats, dx: Floats): void;
  dropout(x: Floats, seed: number, threshold: number, scale: number, out: Floats): void;
  layerNorm(x: Floats, gamma: Floats, beta: Floats, epsilon: number, out: Floats): void;
  layerNormGrad(
    x: Floats,
    gamma: Floats,
    dy: Floats,
    epsilon: number,
    dx: Floats,
    dGamma: Floats,
    dBeta: Floats,
  ): void;
  attention(
    q: Floats,
    k: Floats,
    v: Floats,
    offsets: Ints,
    heads: number,
    out: Floats,
    logSums: Floats,
  ): void;
  attentionGrad(
    q: Floats,
    k: Floats,
    v: Floats,
    logSums: Floats,
    dy: Floats,
    offsets: Ints,
    heads: number,
    dq: Floats,
    dk: Floats,
    dv: Floats,
  ): void;
  embedding(table: Floats, ids: Ints, width: number, out: Floats): void;
  embeddingGrad(dy: Floats, ids: Ints, width: number, out: Floats): void;
  crossEntropy(logits: Floats, width: number, labels: Ints): number;
  crossEntropyGrad(logits: Floats, width: number, labels: Ints, factor: number, out: Floats): void;
  softmaxKl(teacher: Floats, student: Floats, width: number, inverse: number): number;
  softmaxKlGrad(
    teacher: Floats,
    student: Floats,
    width: number,
    inverse: number,
    factor: number,
    out: Floats,
  ): void;
  cosineDistance(teacher: Floats, student: Floats, width: number): number;
  cosineDistanceGrad(teacher: Floats, student: Floats, width: number, factor: number, out: Floats): void;
  relationKl(teacherQ: Floats, teacherK: Floats, q: Floats, k: Floats, offsets: Ints, heads: number): number;
  relationKlGrad(
    teacherQ: Floats,
    teacherK: Floats,
    q: Floats,
    k: Floats,
    offsets: Ints,
    heads: number,
    factor: number,
    dq: Floats,
    dk: Floats,
  ): void;
  squaredError(teacher: Floats, student: Floats): number;
  squaredErrorGrad(teacher: Floats, student: Floats, factor: number, out: Floats): void;
  peaks(): BackendPeaks;
  fakeQuantize(x: Floats, scale: number, low: number, high: number, out: Floats): boolean;
  fakeQuantizeGrad(x: Floats, dy: Floats, scale: number, low: number, high: number, dx: Floats): void;
  fakeQuantizeMask(x: Floats, scale: number, low: number, high: number, dx: Floats): void;
  fakeQuantizeRows(x: Floats, width: number, levels: number, out: Floats): boolean;
  readonly QuantizedWeight: new (rows: number, columns: number) => AddonQuantizedWeight;
  quantizedLinear(
    x: Floats,
    weight: AddonQuantizedWeight,
    bias: Floats,
    scale: number,
    low: number,
    high: number,
    out: Floats,
    m: number,
  ): boolean;
  quantizedLinearGradInputBf16(
    dy: Floats,
    x: Floats,
    weight: Floats,
    levels: number,
    scale: number,
    low: number,
    high: number,
    dx: Floats,
    m: number,
    n: number,
    k: number,
  ): void;
  quantizedLinearGradWeightBf16(
    dy: Floats,
    x: Floats,
    scale: number,
    low: number,
    high: number,
    dw: Floats,
    m: number,
    n: number,
    k: number,
  ): void;
  minMax(x: Floats): { min: number; max: number; finite: boolean };
  sumOfSquares(arrays: Floats[]): number;
  adamW(
    parameters: Floats[],
    gradients: Floats[],
    means: Floats[],
    squares: Floats[],
    weightDecays: number[],
    step: AddonAdamStep,
  ): void;
  adamWRows(
    table: Floats,
    rows: Ints,
    slots: Ints,
    gradients: Floats,
    means: Floats,
    squares: Floats,
    width: number,
    weightDecay: number,
    step: AddonAdamStep,
  ): void;
}

/** The package with the prebuilt addon of this platform; only some platforms have one. */
const PREBUILT = `@sdq/kernels-cpu-${process.platform}-${process.arch}${{ linux: '-gnu', win32: '-msvc' }[process.platform as string] ?? ''}`;

/** Where the addon may be: what was built here, then what was installed. The same relative path holds from src/ and from dist/. */
const PLACES = ['../native/sdq-kernels-cpu.node', PREBUILT];

let loaded: Addon | undefined;

/**
 * The addon, loaded once.
 *
 * @throws SdqError `unavailable` that says what to do; `bad-option` for an environment variable with an invalid value
 */
export function loadAddon(): Addon {
  const require = createRequire(import.meta.url);
  loaded ??= addonFrom(PLACES, require.resolve, require);
  return loaded;
}

/**
 * The addon from the first place that has one.
 *
 * @param resolve - the file of a place; throws where there is none
 * @param load - what a file exports
 */
export function addonFrom(
  places: readonly string[],
  resolve: (place: string) => string,
  load: (file: string) => unknown,
): Addon {
  const failures: unknown[] = [];
  for (const place of places) {
    try {
      const file = resolve(place);
      const damage = damageOf(file);
      if (damage !== undefined) throw new Error(damage);
      return withSettings(load(file) as Addon);
    } catch (failure) {
      if (failure instanceof SdqError) throw failure;
      failures.push(failure);
    }
  }
  // An addon that is there and does not load tells more than one that is not there.
  const cause = failures.find((failure) => (failure as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND');
  const reason =
    cause === undefined
      ? `neither is ${places.at(-1)} installed nor were they built here`
      : cause instanceof Error
        ? cause.message.split('\n')[0]
        : String(cause);
  const again = cause === undefined ? '' : `install ${places.at(-1)} again, or `;
  const advice = `${again}run "node build-native.mjs" in @sdq/kernels-cpu (it needs Rust), or use another backend`;
  throw new SdqError('unavailable', `The sdq-cpu kernels do not load: ${reason}; ${advice}.`, { cause });
}

/** The addon, if the environment variables that it reads have values that it knows. */
function withSettings(addon: Addon): Addon {
  if (typeof addon.info !== 'function') throw new Error('it is no addon of sdq');
  try {
    addon.info();
  } catch (cause) {
    throw new SdqError('bad-option', cause instanceof Error ? cause.message : String(cause), { cause });
  }
  return addon;
}

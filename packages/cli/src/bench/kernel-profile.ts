import type { BackendPeaks } from '@sdq/core';
import type { IntegerModel } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';

/** The matrix products: which two of a kernel's inputs are multiplied, and in what numbers. */
const PRODUCTS: Readonly<
  Record<string, { readonly inputs: readonly [number, number]; readonly in: 'f32' | 'int8' }>
> = {
  SdqLinear: { inputs: [0, 1], in: 'f32' },
  SdqLinearGradInput: { inputs: [0, 1], in: 'f32' },
  SdqLinearGradWeight: { inputs: [0, 1], in: 'f32' },
  SdqQuantizedLinear: { inputs: [0, 1], in: 'int8' },
  // dy, x for the mask, weight.
  SdqQuantizedLinearGradInput: { inputs: [0, 2], in: 'f32' },
  SdqQuantizedLinearGradWeight: { inputs: [0, 1], in: 'f32' },
};

/** What one kind of kernel did in a run. */
export interface KernelProfile {
  readonly name: string;
  readonly calls?: number;
  readonly milliseconds: number;
  /** Of the whole run, in [0, 1]. */
  readonly share: number;
  /** Inputs and outputs, once each. */
  readonly bytes?: number;
  /** 1e9 multiplications and additions a second; of matrix products alone. */
  readonly gops?: number;
  /** The rate as a share of the machine's peak: of arithmetic for matrix products, of memory traffic else. */
  readonly ofPeak?: number;
}

/** What a run took, and each kind of kernel in it, the slowest first. */
export interface RunProfile {
  readonly milliseconds: number;
  readonly kernels: readonly KernelProfile[];
}

interface Tally {
  calls: number;
  milliseconds: number;
  bytes: number;
  operations: number;
}

/**
 * Times every tfjs kernel of a run; what is left of its time is listed as `(outside of kernels)`: the tape, the
 * optimizer, garbage collection.
 */
export async function profileRun(
  run: () => void | Promise<void>,
  peaks: BackendPeaks | undefined,
): Promise<RunProfile> {
  const tallies = new Map<string, Tally>();
  // tfjs would look through each result for NaN, between the kernels.
  tf.env().set('CHECK_COMPUTATION_FOR_ERRORS', false);
  const started = performance.now();
  const { kernels } = await tf.profile(async () => {
    await run();
    return [];
  });
  const milliseconds = performance.now() - started;
  for (const kernel of kernels) {
    const tally = tallies.get(kernel.name) ?? { calls: 0, milliseconds: 0, bytes: 0, operations: 0 };
    tallies.set(kernel.name, tally);
    tally.calls += 1;
    tally.milliseconds += await timeOf(kernel.kernelTimeMs);
    const sizes = [...kernel.inputShapes, ...kernel.outputShapes].map((shape) => (shape ? size(shape) : 0));
    tally.bytes += 4 * sizes.reduce((a, b) => a + b, 0);
    tally.operations += operationsOf(kernel);
  }
  return withRest(
    milliseconds,
    [...tallies].map(([name, tally]) => profileOf(name, tally, milliseconds, peaks)),
  );
}

/** Times the steps of a model in integers, kind by kind: they run in one native call. */
export function profileIntegers(
  integers: IntegerModel,
  run: () => void,
  { layers, hidden, tokens }: { layers: number; hidden: number; tokens: number },
  peaks: BackendPeaks | undefined,
): RunProfile {
  const before = integers.profile().seconds;
  const started = performance.now();
  run();
  const milliseconds = performance.now() - started;
  const { seconds } = integers.profile();
  // Four products of a layer are hidden x hidden, two hidden x 4 hidden; the head's is next to nothing.
  const operations = 2 * tokens * layers * 12 * hidden ** 2;
  const rows = Object.entries(seconds).map(([name, total]): KernelProfile => {
    const spent = 1000 * (total - before[name]!);
    const row = { name, milliseconds: spent, share: spent / milliseconds };
    if (name !== 'integerLinear') return row;
    const gops = operations / spent / 1e6;
    return peaks ? { ...row, gops, ofPeak: gops / peaks.int8Gops } : { ...row, gops };
  });
  return withRest(milliseconds, rows);
}

/** The rows, the slowest first, and what is left of the time. */
function withRest(milliseconds: number, rows: readonly KernelProfile[]): RunProfile {
  const rest = Math.max(0, milliseconds - rows.reduce((sum, row) => sum + row.milliseconds, 0));
  const kernels = [...rows, { name: '(outside of kernels)', milliseconds: rest, share: rest / milliseconds }];
  return { milliseconds, kernels: kernels.sort((a, b) => b.milliseconds - a.milliseconds) };
}

function profileOf(
  name: string,
  { calls, milliseconds, bytes, operations }: Tally,
  total: number,
  peaks: BackendPeaks | undefined,
): KernelProfile {
  const base = { name, calls, milliseconds, share: milliseconds / total, bytes };
  if (milliseconds === 0) return base;
  const gops = operations / milliseconds / 1e6;
  if (operations === 0) {
    return peaks ? { ...base, ofPeak: bytes / milliseconds / 1e6 / peaks.memoryGigabytes } : base;
  }
  if (!peaks) return { ...base, gops };
  const peak = PRODUCTS[name]!.in === 'int8' ? peaks.int8Gops : peaks.f32Gflops;
  return { ...base, gops, ofPeak: gops / peak };
}

/** 2 m n k of a product of [m, k] with [n, k], or of the like with another order of axes. */
function operationsOf(kernel: {
  name: string;
  inputShapes: (number[] | null)[];
  outputShapes: number[][];
}): number {
  const product = PRODUCTS[kernel.name];
  const [output] = kernel.outputShapes;
  if (!product || !output) return 0;
  const [a, b] = product.inputs.map((input) => kernel.inputShapes[input]);
  if (!a || !b || size(output) === 0) return 0;
  // The contracted axis stands in both inputs, the others in the output.
  return 2 * size(output) * Math.sqrt((size(a) * size(b)) / size(output));
}

async function timeOf(
  time: number | { error: string } | Promise<number | { error: string }>,
): Promise<number> {
  const value = await time;
  return typeof value === 'number' ? value : 0;
}

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

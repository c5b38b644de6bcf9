import { type QuantizedRows, SdqError } from '@sdq/core';
import {
  type ForwardPass,
  type IntegerParameters,
  type IntegerModel as Model,
  notFinite,
} from '@sdq/kernels';
import { type AddonProgram, loadAddon } from './addon.ts';
import { IntegerOps, type Recorded, type Slot, sameSteps } from './integer-ops.ts';
import { compile, type IntegerProgram } from './integer-program.ts';

/** What a worker thread needs to open a model that another thread made: plain data, to be sent by `postMessage`. */
export interface SharedIntegerModel {
  readonly number: number;
  readonly recorded: readonly Recorded[];
  readonly output: Slot;
  readonly outline: Outline;
}

/** What the checks before each run need. */
type Outline = Pick<IntegerProgram, 'sites' | 'lookups' | 'width' | 'perSequence' | 'readsFirstTokens'>;

/**
 * A quantized model in integers: the weights are packed once, and a batch is one call into native code.
 *
 * The structure is that of the first pass, recorded; each run records again, which is cheap, and must match it.
 *
 * @example
 * ```ts
 * import { IntegerModel } from '@sdq/kernels-cpu';
 *
 * const model = IntegerModel.create(
 *   (ops, parameter) => ops.embed('words', Int32Array.of(0), parameter('words.weight')),
 *   {
 *     weights: new Map([
 *       ['words.weight', { bits: 8, shape: [2, 2], values: Int8Array.of(1, 2, 3, 4), scales: Float32Array.of(1, 0.5) }],
 *     ]),
 *     grids: new Map(),
 *     floats: new Map(),
 *   },
 * );
 * const { values } = model.run((ops, parameter) => ops.embed('words', Int32Array.of(1, 0), parameter('words.weight')));
 * values; // Float32Array [1.5, 2, 1, 2]
 * model.dispose();
 * ```
 */
export class IntegerModel implements Model {
  private constructor(
    private program: AddonProgram | undefined,
    private readonly recorded: readonly Recorded[],
    private readonly output: Slot,
    private readonly outline: Outline,
  ) {}

  /**
   * Packs a model.
   *
   * @param pass - the forward pass on any batch
   * @throws SdqError 'missing-tensor', 'bad-shape', 'bad-value' for parameters that do not fit; 'unavailable' without the
   * native code
   */
  static create(pass: ForwardPass, parameters: IntegerParameters): IntegerModel {
    const { IntegerProgram } = loadAddon();
    const { ops, output } = record(pass);
    const { steps, linears, tables, floats, floatWidths, byteWidths, ...outline } = compile(
      ops.steps,
      output,
      ops.parameters,
      parameters,
    );
    const weightRows = (names: readonly string[]) =>
      names.map((name) => wholeRows(name, parameters.weights.get(name)!));
    const program = new IntegerProgram({
      steps,
      linears: linears.map(({ weights, biases, grid }) => {
        const rows = weightRows(weights);
        return {
          values: concatenate(
            rows.map(({ values }) => values),
            Int8Array,
          ),
          scales: concatenate(
            rows.map(({ scales }) => scales),
            Float32Array,
          ),
          bias: concatenate(
            biases.map((name) => floatsOf(name, parameters)),
            Float32Array,
          ),
          grid,
        };
      }),
      tables: tables.map((name) => {
        const rows = parameters.weights.get(name);
        if (rows === undefined) return { floats: floatsOf(name, parameters) };
        const { values, scales } = checked(name, rows);
        return { values, scales };
      }),
      floats: floats.map((name) => floatsOf(name, parameters)),
      floatWidths,
      byteWidths,
    });
    return new IntegerModel(program, ops.steps, output, outline);
  }

  /**
   * Opens a model that another thread of this process shares; the weights are the same memory.
   *
   * @throws SdqError 'bad-data' when the model was disposed in every thread; 'unavailable' without the native code
   */
  static open({ number, recorded, output, outline }: SharedIntegerModel): IntegerModel {
    try {
      return new IntegerModel(loadAddon().IntegerProgram.open(number), recorded, output, outline);
    } catch (cause) {
      if (cause instanceof SdqError) throw cause;
      throw new SdqError(
        'bad-data',
        'The shared model was disposed: keep it until each worker has opened it.',
        {
          cause,
        },
      );
    }
  }

  /** What {@link IntegerModel.open} takes. */
  share(): SharedIntegerModel {
    const { recorded, output, outline } = this;
    return { number: this.native().number, recorded, output, outline };
  }

  run(pass: ForwardPass): { readonly values: Float32Array; readonly shape: readonly [number, number] } {
    const { ops, output } = record(pass);
    if (output !== this.output || !sameSteps(ops.steps, this.recorded)) {
      throw new SdqError(
        'bad-data',
        'The pass differs from the one that the model was made of: make another model.',
      );
    }
    const { width, perSequence, sites } = this.outline;
    const { indices, offsets } = ops;
    checkBatch(this.outline, indices, offsets);
    const rows = perSequence ? offsets.length - 1 : offsets[offsets.length - 1]!;
    const values = new Float32Array(rows * width);
    const wrong = this.native().run(indices, offsets, values);
    if (typeof wrong === 'number') throw notFinite(sites[wrong]);
    return { values, shape: [rows, width] };
  }

  /** The seconds that each kind of native step took so far, and the bytes of the buffers. */
  profile(): { readonly seconds: Readonly<Record<string, number>>; readonly bufferBytes: number } {
    const program = this.native();
    return { seconds: program.seconds(), bufferBytes: program.bufferBytes };
  }

  dispose(): void {
    this.program?.close();
    this.program = undefined;
  }

  private native(): AddonProgram {
    if (this.program) return this.program;
    throw new SdqError('bad-data', 'The model was disposed: make another.');
  }
}

function record(pass: ForwardPass): { ops: IntegerOps; output: Slot } {
  const ops = new IntegerOps();
  return { ops, output: pass<Slot>(ops, (name) => ops.parameter(name)) };
}

function checkBatch(
  { lookups, readsFirstTokens }: Outline,
  indices: readonly Int32Array[],
  offsets: Int32Array,
): void {
  const tokens = indices[0]?.length ?? 0;
  if (tokens === 0) throw new SdqError('bad-data', 'The batch is empty: give at least one token.');
  if (offsets[0] !== 0 || offsets[offsets.length - 1] !== tokens) {
    throw new SdqError('bad-data', `The batch's offsets must run from 0 to its ${tokens} tokens.`);
  }
  for (let i = 0; i + 1 < offsets.length; i++) {
    const length = offsets[i + 1]! - offsets[i]!;
    if (length < 0) throw new SdqError('bad-data', `The batch's offsets fall at sequence ${i}.`);
    if (length === 0 && readsFirstTokens) throw new SdqError('bad-data', `Sequence ${i} has no tokens.`);
  }
  indices.forEach((ids, number) => {
    const { site, rows } = lookups[number]!;
    if (ids.length !== tokens) {
      throw new SdqError('bad-data', `"${site}" gets ${ids.length} indices for ${tokens} tokens.`);
    }
    for (let i = 0; i < ids.length; i++) {
      if (ids[i]! < 0 || ids[i]! >= rows) {
        throw new SdqError('bad-value', `"${site}" has ${rows} rows, but token ${i} asks for row ${ids[i]}.`);
      }
    }
  });
}

/** A weight with one scale a row. */
function wholeRows(name: string, rows: QuantizedRows): QuantizedRows {
  if (rows.groupSize === undefined) return checked(name, rows);
  throw new SdqError(
    'bad-value',
    `"${name}" has scales for groups of columns: only whole rows are multiplied in integers.`,
  );
}

/** A weight whose arrays fit its shape and whose scales are numbers. */
function checked(name: string, rows: QuantizedRows): QuantizedRows {
  const [count, columns] = rows.shape;
  const scales = (count * columns) / (rows.groupSize ?? columns);
  if (rows.values.length !== count * columns || rows.scales.length !== scales) {
    throw new SdqError(
      'bad-shape',
      `"${name}" has ${rows.values.length} values and ${rows.scales.length} scales for the shape [${rows.shape}].`,
    );
  }
  if (!rows.scales.every(Number.isFinite)) {
    throw new SdqError('bad-value', `"${name}" has a scale that is no number: quantize it again.`);
  }
  return rows;
}

/** A parameter in floats; integers as the floats that they stand for. */
function floatsOf(name: string, { floats, weights }: IntegerParameters): Float32Array {
  const rows = weights.get(name);
  if (rows !== undefined) {
    const { values, scales, shape, groupSize = shape[1] } = checked(name, rows);
    return Float32Array.from(values, (value, i) => value * scales[Math.floor(i / groupSize)]!);
  }
  const { data, shape } = floats.get(name)!;
  if (data.length !== shape.reduce((product, length) => product * length, 1)) {
    throw new SdqError('bad-shape', `"${name}" has ${data.length} values for the shape [${shape}].`);
  }
  return data;
}

function concatenate<T extends Int8Array | Float32Array>(
  parts: readonly T[],
  Type: new (length: number) => T,
): T {
  if (parts.length === 1) return parts[0]!;
  const whole = new Type(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

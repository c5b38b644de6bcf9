import { type AffineGrid, SdqError, type Site } from '@sdq/core';
import type { IntegerParameters } from '@sdq/kernels';
import type { ProgramSink, ProgramStep, ProgramTerm } from './addon.ts';
import { type Fused, fuse, type Term } from './integer-fusion.ts';
import type { Recorded, Slot } from './integer-ops.ts';
import { inferShapes, integerGrid, nameOf, sameGrid } from './integer-shapes.ts';

/** A recording as the native code runs it: fused steps over numbered buffers, parameters by name. */
export interface IntegerProgram {
  readonly steps: readonly ProgramStep[];
  readonly linears: readonly LinearParameters[];
  readonly tables: readonly string[];
  /** Vectors, and the weights of linears in floats. */
  readonly floats: readonly string[];
  /** The widths of the buffers of floats and of bytes. */
  readonly floatWidths: readonly number[];
  readonly byteWidths: readonly number[];
  /** The sites that steps name by number. */
  readonly sites: readonly Site[];
  /** The site and number of rows of the table that each list of indices picks from. */
  readonly lookups: readonly { readonly site: Site; readonly rows: number }[];
  readonly width: number;
  /** Whether the result has one row a sequence, not one a token. */
  readonly perSequence: boolean;
  /** Whether a step reads the first token of each sequence. */
  readonly readsFirstTokens: boolean;
}

/** Linears in integers that share their input and run as one product. */
interface LinearParameters {
  readonly weights: readonly string[];
  readonly biases: readonly string[];
  readonly grid: AffineGrid;
}

/**
 * Compiles a recording: dead steps fall away, chains become one step, and each step writes what the next ones read:
 * floats, bytes on their grid, or both.
 *
 * @throws SdqError 'missing-tensor' or 'bad-shape' when parameters do not fit the steps, 'bad-value' when a grid does
 * not fit a byte or stands beside a weight that is no integer
 */
export function compile(
  recorded: readonly Recorded[],
  output: Slot,
  names: readonly string[],
  parameters: IntegerParameters,
): IntegerProgram {
  if (recorded[output] === undefined) {
    throw new SdqError('bad-data', 'The pass computes nothing: return what an operation gave.');
  }
  const { steps: shapes, lookups } = inferShapes(recorded, names, parameters);
  const gridOf = (linear: Recorded) => integerGrid(linear, names, parameters);
  const fused = fuse(recorded, output, shapes, gridOf);
  const steps = withForms(fused, gridOf);

  const lastRead = new Map<string, number>();
  steps.forEach(({ step }, at) => {
    for (const form of reads(step, gridOf)) lastRead.set(keyOf(form), at);
  });
  const widths = new Map(fused.map(({ value, width }) => [value, width]));
  const [floatBuffers, byteBuffers] = [new Buffers(), new Buffers()];
  const [tables, floats, sites] = [new Numbered<string>(), new Numbered<string>(), new Numbered<Site>()];
  const linears: LinearParameters[] = [];

  const table = (slot: Slot) => tables.of(nameOf(slot, names));
  const float = (slot: Slot) => floats.of(nameOf(slot, names));
  const floatBuffer = (slot: Slot) => floatBuffers.of(keyOf({ slot }));
  const term = ({ kind, slot, indices }: Term): ProgramTerm =>
    kind === 'table' ? { kind, table: table(slot), indices } : { kind, buffer: floatBuffer(slot) };
  const sink = ({ step: { value: slot, width }, asFloats, grid, site }: Step): ProgramSink => ({
    width,
    ...(asFloats && { floats: floatBuffers.take(keyOf({ slot }), width) }),
    ...(grid && {
      bytes: { buffer: byteBuffers.take(keyOf({ slot, grid }), width), grid, site: sites.of(site!) },
    }),
  });
  const programStep = (planned: Step): ProgramStep => {
    const { step } = planned;
    const { perSequence } = shapes[step.value]!;
    const out = sink(planned);
    switch (step.kind) {
      case 'sumRows': {
        const { norm } = step;
        return {
          kind: 'sumRows',
          terms: step.terms.map(term),
          ...(norm && {
            norm: { gamma: float(norm.gamma), beta: float(norm.beta), epsilon: norm.epsilon },
          }),
          function: step.function,
          perSequence,
          out,
        };
      }
      case 'integerLinear': {
        const [first] = step.linears as [Recorded];
        const grid = gridOf(first)!;
        const named = (input: number) => step.linears.map(({ inputs }) => nameOf(inputs[input]!, names));
        const linear = linears.push({ weights: named(1), biases: named(2), grid }) - 1;
        const x = byteBuffers.of(keyOf({ slot: first.inputs[0]!, grid }));
        return { kind: 'integerLinear', x, linear, function: step.function, perSequence, out };
      }
      case 'floatLinear': {
        const [x, weight, bias] = step.linear.inputs as [Slot, Slot, Slot];
        return {
          kind: 'floatLinear',
          x: floatBuffer(x),
          weight: float(weight),
          bias: float(bias),
          perSequence,
          out,
        };
      }
      case 'attention': {
        const part = ([slot, first]: readonly [Slot, number]) => ({
          buffer: floatBuffer(slot),
          first,
          step: widths.get(slot)!,
        });
        const [q, k, v] = step.parts;
        return { kind: 'attention', q: part(q), k: part(k), v: part(v), heads: step.heads, out };
      }
    }
  };
  const programSteps = steps.map((planned, at) => {
    const result = programStep(planned);
    for (const form of reads(planned.step, gridOf)) {
      if (lastRead.get(keyOf(form)) === at) (form.grid ? byteBuffers : floatBuffers).give(keyOf(form));
    }
    return result;
  });

  return {
    steps: programSteps,
    linears,
    tables: tables.values,
    floats: floats.values,
    floatWidths: floatBuffers.widths,
    byteWidths: byteBuffers.widths,
    sites: sites.values,
    lookups,
    ...shapes[output]!,
    readsFirstTokens: fused.some(
      (step) => step.kind === 'sumRows' && step.terms.some(({ kind }) => kind === 'firstTokens'),
    ),
  };
}

type GridOf = (linear: Recorded) => AffineGrid | undefined;

/** A slot in one form: floats, or bytes on a grid, which `site` wants. */
interface Form {
  readonly slot: Slot;
  readonly grid?: AffineGrid | undefined;
  readonly site?: Site;
}

/** The same for the same form. */
function keyOf({ slot, grid }: Form): string {
  return grid ? [slot, grid.scale, grid.zeroPoint, grid.qMin, grid.qMax].join() : `${slot}`;
}

/** The forms that a step reads. */
function reads(step: Fused, gridOf: GridOf): Form[] {
  switch (step.kind) {
    case 'integerLinear': {
      const [linear] = step.linears as [Recorded];
      return [{ slot: linear.inputs[0]!, grid: gridOf(linear), site: linear.site }];
    }
    case 'floatLinear':
      return [{ slot: step.linear.inputs[0]! }];
    case 'attention':
      return step.parts.map(([slot]) => ({ slot }));
    case 'sumRows':
      return step.terms.filter(({ kind }) => kind !== 'table').map(({ slot }) => ({ slot }));
  }
}

/** A step, and the forms in which it writes its slot. */
interface Step {
  readonly step: Fused;
  readonly asFloats: boolean;
  readonly grid?: AffineGrid | undefined;
  readonly site?: Site | undefined;
}

/**
 * The steps with the forms that their readers want; what nothing reads is the output, in floats. A step writes bytes on
 * one grid at most, a product of floats on none: others are made from its floats by steps of their own.
 */
function withForms(fused: readonly Fused[], gridOf: GridOf): Step[] {
  const wanted = new Map<Slot, Form[]>();
  for (const form of fused.flatMap((step) => reads(step, gridOf))) {
    const forms = wanted.get(form.slot) ?? [];
    wanted.set(form.slot, forms);
    const same = (other: Form) => other.grid === form.grid || sameGrid(other.grid, form.grid);
    if (!forms.some(same)) forms.push(form);
  }
  return fused.flatMap((step): Step[] => {
    const { value, width } = step;
    const forms = wanted.get(value) ?? [{ slot: value }];
    const onGrids = forms.filter(({ grid }) => grid !== undefined);
    const own = step.kind === 'floatLinear' ? undefined : onGrids[0];
    const others = onGrids.filter((form) => form !== own);
    const asFloats = onGrids.length < forms.length || others.length > 0;
    const terms: Term[] = [{ kind: 'floats', slot: value, indices: 0 }];
    const copy: Fused = { kind: 'sumRows', value, width, terms, function: 'identity' };
    return [
      { step, asFloats, grid: own?.grid, site: own?.site },
      ...others.map(({ grid, site }) => ({ step: copy, asFloats: false, grid, site })),
    ];
  });
}

/** Numbers the buffers of one kind, and lends a number again once its last reader is done. */
class Buffers {
  readonly widths: number[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly free = new Set<number>();

  of(key: string): number {
    return this.numbers.get(key)!;
  }

  /** The free buffer whose width is nearest, or a new one. */
  take(key: string, width: number): number {
    const distance = (number: number) => Math.abs(this.widths[number]! - width);
    const [nearest] = [...this.free].sort((a, b) => distance(a) - distance(b) || a - b);
    const number = nearest ?? this.widths.push(0) - 1;
    this.free.delete(number);
    this.numbers.set(key, number);
    this.widths[number] = Math.max(this.widths[number]!, width);
    return number;
  }

  give(key: string): void {
    this.free.add(this.of(key));
  }
}

/** Gives each different value a number, in the order of first use. */
class Numbered<T> {
  readonly values: T[] = [];

  of(value: T): number {
    const found = this.values.indexOf(value);
    return found >= 0 ? found : this.values.push(value) - 1;
  }
}

import { type AffineGrid, SdqError, type Site } from '@sdq/core';
import type { IntegerParameters } from '@sdq/kernels';
import type { Recorded, Slot } from './integer-ops.ts';

export interface Shape {
  readonly width: number;
  readonly perSequence: boolean;
}

export interface Shapes {
  readonly steps: readonly Shape[];
  readonly lookups: readonly { readonly site: Site; readonly rows: number }[];
}

/** The shape of each step's result, while the parameters are checked against it. */
export function inferShapes(
  recorded: readonly Recorded[],
  names: readonly string[],
  { weights, floats }: IntegerParameters,
): Shapes {
  const steps: Shape[] = [];
  const lookups: { site: Site; rows: number }[] = [];
  const shapeOf = (slot: Slot, rank: number): readonly number[] => {
    const name = nameOf(slot, names);
    const shape = (weights.get(name) ?? floats.get(name))?.shape;
    if (shape === undefined) throw new SdqError('missing-tensor', `The model has no parameter "${name}".`);
    if (shape.length !== rank || shape.some((length) => length === 0)) {
      throw new SdqError('bad-shape', `"${name}" has the shape [${shape}]: ${rank} axes are needed.`);
    }
    return shape;
  };
  const requireWidth = (slot: Slot, width: number) => {
    const [length] = shapeOf(slot, 1);
    if (length !== width) {
      throw new SdqError('bad-shape', `"${nameOf(slot, names)}" has ${length} values for rows of ${width}.`);
    }
  };
  for (const { op, site, inputs, setting } of recorded) {
    const [x, second, third] = inputs as [Slot, Slot, Slot];
    const input = steps[x];
    switch (op) {
      case 'embed': {
        const [rows, width] = shapeOf(x, 2) as [number, number];
        lookups.push({ site, rows });
        steps.push({ width, perSequence: false });
        break;
      }
      case 'linear': {
        const [rows, columns] = shapeOf(second, 2) as [number, number];
        if (columns !== input?.width) {
          throw new SdqError(
            'bad-shape',
            `"${site}" takes rows of ${columns}, but gets rows of ${input?.width}.`,
          );
        }
        requireWidth(third, rows);
        steps.push({ ...input, width: rows });
        break;
      }
      case 'layerNorm':
        requireWidth(second, input!.width);
        requireWidth(third, input!.width);
        steps.push(input!);
        break;
      case 'attention':
        if (
          inputs.some((slot) => steps[slot]?.width !== input!.width) ||
          !Number.isInteger(input!.width / setting)
        ) {
          throw new SdqError('bad-shape', `"${site}" gets rows that do not divide into ${setting} heads.`);
        }
        steps.push(input!);
        break;
      case 'add':
        if (steps[second]?.width !== input?.width || steps[second]?.perSequence !== input?.perSequence) {
          throw new SdqError('bad-shape', 'A sum has terms of different shapes.');
        }
        steps.push(input!);
        break;
      case 'firstTokens':
        steps.push({ ...input!, perSequence: true });
        break;
      default:
        steps.push(input!);
    }
  }
  return { steps, lookups };
}

/** The grid of a linear's input when it multiplies integers. */
export function integerGrid(
  { site, inputs }: Recorded,
  names: readonly string[],
  { weights, grids }: IntegerParameters,
): AffineGrid | undefined {
  const grid = grids.get(site);
  if (grid === undefined) return undefined;
  if (!weights.has(nameOf(inputs[1]!, names))) {
    throw new SdqError('bad-value', `The grid of "${site}" has no quantized weight to stand beside.`);
  }
  const { scale, zeroPoint, qMin, qMax } = grid;
  const whole = [zeroPoint, qMin, qMax].every((q) => Number.isInteger(q) && q >= 0 && q <= 255);
  if (!whole || qMin > qMax || !(Math.fround(scale) > 0) || scale === Number.POSITIVE_INFINITY) {
    throw new SdqError('bad-value', `The grid of "${site}" does not fit a byte: ${JSON.stringify(grid)}.`);
  }
  return grid;
}

export function sameGrid(a: AffineGrid | undefined, b: AffineGrid | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.scale === b.scale && a.zeroPoint === b.zeroPoint && a.qMin === b.qMin && a.qMax === b.qMax;
}

export function nameOf(slot: Slot, names: readonly string[]): string {
  const name = names[-1 - slot];
  if (name === undefined) throw new SdqError('bad-data', 'A weight that a step computed is not supported.');
  return name;
}

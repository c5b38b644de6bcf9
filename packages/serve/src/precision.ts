import { sitesOf } from '@sdq/quantizers';
import type { SavedModel } from './saved-model.ts';

/** In which numbers a model's matrices and the inputs of its layers are, as its files have them. */
export interface Precision {
  /** The bits of the integer weights, ascending; none in a model in floats. */
  readonly weightBits: readonly number[];
  /** How many matrices are integers, how many of these as codebooks of blocks, and how many are left in float32. */
  readonly matrices: { readonly integers: number; readonly codebooks: number; readonly floats: number };
  /** How many layers have inputs of so many bits, on one grid each or on a grid a token. */
  readonly inputs: readonly {
    readonly layers: number;
    readonly bits: number;
    readonly perToken: boolean;
  }[];
}

/** The precision of a saved model. */
export function precisionOf(model: SavedModel): Precision {
  if (!('weights' in model)) {
    const floats = sitesOf(model.tensors).length;
    return { weightBits: [], matrices: { integers: 0, codebooks: 0, floats }, inputs: [] };
  }
  const weights = [...model.weights.values()];
  // A grid that holds nothing but zero is stored as one of 8 bits.
  const onGrids = [...model.grids.values()].map(({ qMin, qMax }) =>
    qMax === qMin ? 8 : Math.log2(qMax - qMin + 1),
  );
  return {
    weightBits: ascending(weights.map(({ bits }) => bits)),
    matrices: {
      integers: weights.length,
      codebooks: weights.filter(({ codebook }) => codebook).length,
      floats: sitesOf(model.floats).length,
    },
    inputs: [...inputsOf(onGrids, false), ...inputsOf([...(model.perToken?.values() ?? [])], true)],
  };
}

function inputsOf(bits: readonly number[], perToken: boolean): Precision['inputs'] {
  return ascending(bits).map((one) => ({
    layers: bits.filter((other) => other === one).length,
    bits: one,
    perToken,
  }));
}

/**
 * A precision in words.
 *
 * @example
 * ```ts
 * import { precisionText } from '@sdq/serve';
 *
 * const matrices = { integers: 76, codebooks: 0, floats: 0 };
 * const inputs = [{ layers: 73, bits: 8, perToken: false }];
 * precisionText({ weightBits: [4, 8], matrices, inputs }); // 'weights in 4 and 8 bits, inputs of 73 layers in 8 bits'
 * ```
 */
export function precisionText({ weightBits, matrices, inputs }: Precision): string {
  const { integers, codebooks, floats } = matrices;
  if (integers === 0) return 'float32';
  const layers = (count: number) => (count === 1 ? '1 layer' : `${count} layers`);
  return [
    `weights in ${weightBits.join(' and ')} ${weightBits.at(-1) === 1 ? 'bit' : 'bits'}`,
    ...(codebooks > 0 ? [`${codebooks} of ${integers} matrices as codebooks of blocks`] : []),
    ...(floats > 0 ? [`${floats === 1 ? '1 matrix' : `${floats} matrices`} in float32`] : []),
    ...inputs.map(
      ({ layers: count, bits, perToken }) =>
        `inputs of ${layers(count)} in ${bits} bits${perToken ? ' with a scale a token' : ''}`,
    ),
    ...(inputs.length === 0 ? ['inputs in float32'] : []),
  ].join(', ');
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

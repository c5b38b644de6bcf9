import type { AffineGrid } from '@sdq/core';
import type { ProgramTerm } from './addon.ts';
import type { Recorded, Slot } from './integer-ops.ts';
import { type Shape, sameGrid } from './integer-shapes.ts';

type ApplyFunction = 'identity' | 'gelu' | 'tanh';

/** A fused operation; `value` is the slot that it computes. */
export type Fused = { readonly value: Slot; readonly width: number } & (
  | {
      readonly kind: 'sumRows';
      readonly terms: readonly Term[];
      readonly norm?: { readonly gamma: Slot; readonly beta: Slot; readonly epsilon: number };
      readonly function: ApplyFunction;
    }
  | {
      readonly kind: 'integerLinear';
      readonly linears: readonly Recorded[];
      readonly function: ApplyFunction;
    }
  | { readonly kind: 'floatLinear'; readonly linear: Recorded }
  | {
      readonly kind: 'attention';
      /** Where query, key and value are: a slot and the first of its columns. */
      readonly parts: readonly [Part, Part, Part];
      readonly heads: number;
    }
);

/** A slot and the first of its columns. */
type Part = readonly [value: Slot, first: number];

/** What a sum adds up: the rows of a slot, picked from a table, or of each sequence's first token. */
export interface Term {
  readonly kind: ProgramTerm['kind'];
  readonly slot: Slot;
  readonly indices: number;
}

/**
 * The peephole pass. Sums take in the look-ups and sums that nothing else reads, a layer norm takes in its sum, GELU and
 * tanh end the step that they follow, and query, key and value become one product where they share input and grid.
 */
export function fuse(
  recorded: readonly Recorded[],
  output: Slot,
  shapes: readonly Shape[],
  gridOf: (linear: Recorded) => AffineGrid | undefined,
): Fused[] {
  const uses = countUses(recorded, output);
  const taken = new Set<Slot>();
  const opOf = (slot: Slot) => recorded[slot]?.op;
  /** Whether a slot is read once, so that its one reader may take it in. */
  const single = (slot: Slot) => slot >= 0 && uses[slot] === 1;

  /** The terms of the sum that a slot is. */
  const termsOf = (slot: Slot): Term[] => {
    const { op, inputs, setting } = recorded[slot]!;
    const [a, b] = inputs as [Slot, Slot];
    if (op === 'embed') return [{ kind: 'table', slot: a, indices: setting }];
    if (op === 'firstTokens') return [{ kind: 'firstTokens', slot: a, indices: 0 }];
    // Only sums on the left: the order of additions stays.
    return [...takeIn(a, true), ...takeIn(b, false)];
  };
  const takeIn = (slot: Slot, sums: boolean): Term[] => {
    const op = opOf(slot);
    if (!single(slot) || !(op === 'embed' || op === 'firstTokens' || (op === 'add' && sums))) {
      return [{ kind: 'floats', slot, indices: 0 }];
    }
    taken.add(slot);
    return termsOf(slot);
  };
  const normed = (slot: Slot): Extract<Fused, { kind: 'sumRows' }> => {
    const { inputs, setting } = recorded[slot]!;
    const [x, gamma, beta] = inputs as [Slot, Slot, Slot];
    const norm = { gamma, beta, epsilon: setting };
    return {
      kind: 'sumRows',
      value: slot,
      width: shapes[slot]!.width,
      terms: takeIn(x, true),
      norm,
      function: 'identity',
    };
  };

  const build = (slot: Slot): Fused[] => {
    const step = recorded[slot]!;
    const { width } = shapes[slot]!;
    const [x] = step.inputs as [Slot];
    switch (step.op) {
      case 'linear':
        return gridOf(step) === undefined
          ? [{ kind: 'floatLinear', value: slot, width, linear: step }]
          : [{ kind: 'integerLinear', value: slot, width, linears: [step], function: 'identity' }];
      case 'gelu':
      case 'tanh': {
        const inner = recorded[x]!;
        const ended = { value: slot, width, function: step.op } as const;
        if (single(x) && inner.op === 'linear' && gridOf(inner) !== undefined) {
          taken.add(x);
          return [{ kind: 'integerLinear', linears: [inner], ...ended }];
        }
        if (single(x) && inner.op === 'layerNorm') {
          taken.add(x);
          return [{ ...normed(x), ...ended }];
        }
        return [{ kind: 'sumRows', terms: takeIn(x, true), ...ended }];
      }
      case 'layerNorm':
        return [normed(slot)];
      case 'attention': {
        const linears = step.inputs.map((input) => recorded[input]!);
        const grids = linears.map((linear) => (linear.op === 'linear' ? gridOf(linear) : undefined));
        const together =
          step.inputs.every(single) &&
          linears.every(
            ({ inputs }, i) => inputs[0] === linears[0]!.inputs[0] && sameGrid(grids[i], grids[0]),
          );
        const [q] = step.inputs as [Slot];
        const part = (i: number): Part => (together ? [q, i * width] : [step.inputs[i]!, 0]);
        const parts = [part(0), part(1), part(2)] as const;
        const attention: Fused = { kind: 'attention', value: slot, width, parts, heads: step.setting };
        if (!together) return [attention];
        for (const input of step.inputs) taken.add(input);
        return [
          { kind: 'integerLinear', value: q, width: 3 * width, linears, function: 'identity' },
          attention,
        ];
      }
      default:
        return [{ kind: 'sumRows', value: slot, width, terms: termsOf(slot), function: 'identity' }];
    }
  };

  const fused: Fused[] = [];
  for (let slot = output; slot >= 0; slot--) {
    if (uses[slot]! > 0 && !taken.has(slot)) fused.push(...build(slot).reverse());
  }
  return fused.reverse();
}

/** How many steps that matter to the output read each slot; the output itself has one reader outside. */
function countUses(recorded: readonly Recorded[], output: Slot): number[] {
  const uses = new Array<number>(recorded.length).fill(0);
  uses[output] = 1;
  for (let slot = output; slot >= 0; slot--) {
    if (uses[slot] === 0) continue;
    for (const input of recorded[slot]!.inputs) if (input >= 0) uses[input]! += 1;
  }
  return uses;
}

import { notFinite } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import type { FiniteTensors } from './finite-tensors.ts';
import { gridBounds } from './grid-bounds.ts';
import type { Operand, Operators } from './operators.ts';
import { type SequenceGroup, type SequenceGroups, sequenceGroups } from './sequence-groups.ts';

type Inputs = Record<string, tf.TensorInfo>;
type Attributes = Record<string, unknown>;
type Kernel = (inputs: Inputs, attributes: Attributes) => tf.Tensor | tf.Tensor[];

/** Stands where a sequence has no token: far enough below any score that its probability is 0. */
const PADDING_SCORE = -1e30;

/** The kernels behind the ops of @sdq/kernels by name; ops without one are composed of tfjs's. */
export function sdqKernels(t: Operators, finite: FiniteTensors): Record<string, Kernel> {
  const one = (run: () => Operand): tf.Tensor => t.kernel(() => [run()])[0]!;

  const gridOf = (attributes: Attributes) => attributes as { scale: number; low: number; high: number };

  // MatMul takes a fifth longer for a transposed second operand of 1,536 columns on a CPU.
  const timesTransposed = (a: Operand, b: Operand): Operand => t.batchMatMul(a, b, { bTransposed: true });

  const requireFinite = (x: tf.TensorInfo, { site }: Attributes): void => {
    if (!finite.has(x)) throw notFinite(site as string | undefined);
  };

  /** The steps of x on a grid, counted from zero. */
  const stepsOf = (x: Operand, { scale, low, high }: { scale: number; low: number; high: number }): Operand =>
    t.round(t.clip(t.div(x, t.number(scale)), low, high));

  /** The steps of each row of a weight, and what a step of the row is worth, [rows, 1]. */
  const rowSteps = (x: Operand, levels: number): { steps: Operand; scales: Operand } => {
    const scales = t.hold(t.div(t.max(t.abs(x), [1], true), levels));
    // A row of zeros would divide by zero.
    const divisors = t.where(t.greater(scales, 0), scales, 1);
    return { steps: t.round(t.clip(t.div(x, divisors), -levels, levels)), scales };
  };

  const roundedRows = (x: Operand, levels: number, factor = 1): Operand => {
    const { steps, scales } = rowSteps(x, levels);
    return t.mul(steps, factor === 1 ? scales : t.mul(scales, t.number(factor)));
  };

  /** dy where the grid does not clip x, 0 elsewhere. */
  const unclipped = (x: Operand, dy: Operand, attributes: Attributes): Operand => {
    const { scale, low, high } = gridOf(attributes);
    const { least, most } = gridBounds(scale, low, high);
    const above = t.greaterEqual(x, t.number(least));
    return t.where(t.and(above, t.lessEqual(x, t.number(most))), dy, 0);
  };

  const normalized = (x: Operand, epsilon: number): { normal: Operand; inverse: Operand } => {
    const centred = t.hold(t.sub(x, t.mean(x, [1], true)));
    const inverse = t.hold(t.rsqrt(t.add(t.mean(t.square(centred), [1], true), epsilon)));
    const normal = t.mul(centred, inverse);
    t.free(centred);
    return { normal, inverse };
  };

  return {
    SdqLinear: ({ x, weight, bias }) =>
      one(() => t.biasAdd(timesTransposed(t.of(x!), t.of(weight!)), t.of(bias!))),
    SdqLinearGradInput: ({ dy, weight }) => one(() => t.matMul(t.of(dy!), t.of(weight!))),
    SdqLinearGradWeight: ({ dy, x }) => one(() => t.matMul(t.of(dy!), t.of(x!), { aTransposed: true })),
    SdqLinearGradBias: ({ dy }) => one(() => t.sum(t.of(dy!), [0])),

    // The step of x is put into the weight, which is smaller.
    SdqQuantizedLinear({ x, weight, bias }, attributes) {
      requireFinite(x!, attributes);
      requireFinite(weight!, attributes);
      const grid = gridOf(attributes);
      return one(() => {
        const rounded = roundedRows(t.of(weight!), attributes.levels as number, grid.scale);
        return t.biasAdd(timesTransposed(stepsOf(t.of(x!), grid), rounded), t.of(bias!));
      });
    },
    SdqQuantizedLinearGradInput: ({ dy, x, weight }, attributes) =>
      one(() => {
        const rounded = roundedRows(t.of(weight!), attributes.levels as number);
        return unclipped(t.of(x!), t.matMul(t.of(dy!), rounded), attributes);
      }),
    SdqQuantizedLinearGradWeight: ({ dy, x }, attributes) =>
      one(() => {
        const grid = gridOf(attributes);
        return t.mul(
          t.matMul(t.of(dy!), stepsOf(t.of(x!), grid), { aTransposed: true }),
          t.number(grid.scale),
        );
      }),

    SdqFakeQuantize({ x }, attributes) {
      requireFinite(x!, attributes);
      return one(() => {
        const grid = gridOf(attributes);
        return t.mul(stepsOf(t.of(x!), grid), t.number(grid.scale));
      });
    },
    SdqFakeQuantizeGrad: ({ x, dy }, attributes) => one(() => unclipped(t.of(x!), t.of(dy!), attributes)),
    SdqFakeQuantizeRows({ x }, attributes) {
      requireFinite(x!, attributes);
      return one(() => roundedRows(t.of(x!), attributes.levels as number));
    },

    SdqGelu: ({ x }) =>
      one(() => {
        const half = t.mul(t.erf(t.mul(t.of(x!), Math.SQRT1_2)), 0.5);
        return t.mul(t.add(half, 0.5), t.of(x!));
      }),
    SdqGeluGrad: ({ x, dy }) =>
      one(() => {
        const z = t.hold(t.mul(t.of(x!), Math.SQRT1_2));
        // x times the normal density of x, with its factor in the exponent.
        const slope = t.mul(t.exp(t.sub(-0.5 * Math.log(Math.PI), t.square(z))), z);
        const half = t.mul(t.erf(z), 0.5);
        t.free(z);
        return t.mul(t.add(t.add(half, slope), 0.5), t.of(dy!));
      }),

    SdqLayerNorm: ({ x, gamma, beta }, { epsilon }) =>
      one(() => {
        const { normal } = normalized(t.of(x!), epsilon as number);
        return t.add(t.mul(normal, t.of(gamma!)), t.of(beta!));
      }),
    SdqLayerNormGrad: ({ x, gamma, dy }, { epsilon }) =>
      t.kernel(() => {
        const [slopes, scale] = [t.of(dy!), t.of(gamma!)];
        const { normal, inverse } = normalized(t.of(x!), epsilon as number);
        t.hold(normal);
        const dBeta = t.sum(slopes, [0]);
        const dGamma = t.sum(t.mul(slopes, normal), [0]);
        const scaled = t.hold(t.mul(slopes, scale));
        const along = t.mean(t.mul(scaled, normal), [1], true);
        const centred = t.sub(scaled, t.mean(scaled, [1], true));
        t.free(scaled);
        const dx = t.mul(t.sub(centred, t.mul(normal, along)), inverse);
        return [dx, dGamma, dBeta];
      }),

    SdqAttention({ q, k, v }, attributes) {
      const [tokens, hidden] = q!.shape as [number, number];
      const heads = attributes.heads as number;
      const layout = sequenceGroups(attributes.offsets as Int32Array);
      if (tokens === 0) return [tf.zeros([0, hidden]), tf.zeros([0])];
      const scale = 1 / Math.sqrt(hidden / heads);
      return t.kernel(() => {
        const [queries, keys, values] = [q!, k!, v!].map((x) => grouped(t, t.of(x), layout, heads));
        const probabilities: Operand[] = [];
        const contexts = layout.groups.map((group, i) => {
          const scores = t.batchMatMul(t.mul(queries![i]!, scale), keys![i]!, { bTransposed: true });
          const masked = group.full ? scores : t.add(scores, paddingScores(t, group, tokens));
          const shares = t.hold(t.softmax(masked));
          probabilities.push(shares);
          return t.batchMatMul(shares, values![i]!);
        });
        return [ungrouped(t, contexts, layout, hidden), flat(t, probabilities)];
      });
    },
    SdqAttentionGrad({ q, k, v, y, softmax, dy }, attributes) {
      const [tokens, hidden] = q!.shape as [number, number];
      const heads = attributes.heads as number;
      const layout = sequenceGroups(attributes.offsets as Int32Array);
      if (tokens === 0) return [0, 1, 2].map(() => tf.zeros([0, hidden]));
      const scale = 1 / Math.sqrt(hidden / heads);
      return t.kernel(() => {
        const [queries, keys, values, slopes] = [q!, k!, v!, dy!].map((x) =>
          grouped(t, t.of(x), layout, heads),
        );
        // The sum of the probabilities' slopes, weighted by them, is that of the context's: [tokens, heads].
        const products = t.reshape(t.mul(t.of(y!), t.of(dy!)), [tokens, heads, hidden / heads]);
        const along = grouped(t, t.sum(products, [2]), layout, heads);
        const probabilities = unflattened(t, t.of(softmax!), layout, heads);
        const gradients = layout.groups.map((_, i) => {
          const [shares, slope] = [t.hold(probabilities[i]!), t.hold(slopes![i]!)];
          const dv = t.batchMatMul(shares, slope, { aTransposed: true });
          const dShares = t.batchMatMul(slope, values![i]!, { bTransposed: true });
          const dScores = t.hold(t.mul(t.sub(dShares, along[i]!), shares));
          const dq = t.mul(t.batchMatMul(dScores, keys![i]!), scale);
          const dk = t.batchMatMul(dScores, t.mul(queries![i]!, scale), { aTransposed: true });
          for (const operand of [shares, slope, dScores]) t.free(operand);
          return [dq, dk, dv] as const;
        });
        return [0, 1, 2].map((which) =>
          ungrouped(
            t,
            gradients.map((all) => all[which]!),
            layout,
            hidden,
          ),
        );
      });
    },
  };
}

/** Token rows as [sequences, heads, length, width] of each group, with zeros after short sequences. */
function grouped(t: Operators, x: Operand, { groups, identical }: SequenceGroups, heads: number): Operand[] {
  const hidden = x.shape[1]!;
  const full = groups.every((group) => group.full);
  const padded = t.hold(full ? x : t.concat([x, t.floats(new Float32Array(hidden), [1, hidden])]));
  const parts = groups.map(({ sequences, length, rows }) => {
    const own = identical ? padded : t.gather(padded, rows);
    return t.transpose(t.reshape(own, [sequences, length, heads, hidden / heads]), [0, 2, 1, 3]);
  });
  t.free(padded);
  return parts;
}

/** The way back: token rows [tokens, hidden] of the groups' [sequences, heads, length, width]. */
function ungrouped(
  t: Operators,
  parts: readonly Operand[],
  { identical, places }: SequenceGroups,
  hidden: number,
): Operand {
  const rows = parts.map((part) => t.reshape(t.transpose(part, [0, 2, 1, 3]), [-1, hidden]));
  return identical ? rows[0]! : t.gather(t.concat(rows), places);
}

/** What is added to the scores of a group so that padding has no share, [sequences, 1, 1, length]. */
function paddingScores(t: Operators, { sequences, length, rows }: SequenceGroup, tokens: number): Operand {
  const scores = Float32Array.from(rows, (row) => (row === tokens ? PADDING_SCORE : 0));
  return t.floats(scores, [sequences, 1, 1, length]);
}

/** All groups' probabilities in one vector; those of one group as they are. */
function flat(t: Operators, parts: readonly Operand[]): Operand {
  return parts.length === 1 ? parts[0]! : t.concat(parts.map((part) => t.reshape(part, [-1])));
}

function unflattened(t: Operators, all: Operand, { groups }: SequenceGroups, heads: number): Operand[] {
  if (groups.length === 1) return [all];
  let start = 0;
  return groups.map(({ sequences, length }) => {
    const size = sequences * heads * length * length;
    const part = t.slice(all, [start], [size]);
    start += size;
    return t.reshape(part, [sequences, heads, length, length]);
  });
}

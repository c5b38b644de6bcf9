import { SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { type AdamRowsUpdate, type AdamStep, type AdamUpdate, hostKernels } from './host-kernels.ts';
import { requireSameShape, requireShape } from './shapes.ts';

/** The constants of {@link AdamW}; the defaults are PyTorch's. */
export interface AdamWOptions {
  /** In [0, 1); 0.9 unless given. */
  readonly beta1?: number;
  /** In [0, 1); 0.999 unless given. */
  readonly beta2?: number;
  /** 1e-8 unless given. */
  readonly epsilon?: number;
}

/** What may change from step to step. */
export interface AdamWStepOptions {
  readonly learningRate: number;
  /** Multiplies each gradient first, to clip or to average; 1 unless given. */
  readonly gradientScale?: number;
  /** What the learning rate of a parameter is multiplied by, by its name; 1 unless given. */
  readonly rateOf?: (name: string) => number;
  /** The decay of a parameter by its name; 0 unless given. */
  readonly weightDecay?: (name: string) => number;
}

/** The state of an {@link AdamW} for a checkpoint: the step count and named arrays. */
export interface AdamWState {
  readonly step: number;
  /**
   * Per parameter `<name>.mean` and `<name>.square`; per table trained by rows also `<name>.rows`, the row ids
   * whose moments the arrays [rows, hidden] hold.
   */
  readonly arrays: Readonly<Record<string, Float32Array | Int32Array>>;
}

interface Moments {
  mean: tf.Tensor;
  square: tf.Tensor;
}

/** The moments of the rows that had a gradient so far, in the order in which they first came. */
interface RowMoments {
  readonly width: number;
  readonly slots: Map<number, number>;
  means: Float32Array;
  squares: Float32Array;
}

/**
 * Adam with decoupled weight decay and bias correction, by PyTorch's arithmetic: p *= 1 - lr * decay, then
 * p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
 *
 * Variables are updated in place where the backend can; a tensor that shares a variable's data (by reshape or
 * clone) keeps its values, at the cost of a copy. Source: Loshchilov and Hutter 2019, "Decoupled Weight Decay
 * Regularization".
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { AdamW } from '@sdq/kernels';
 *
 * const weight = tf.variable(tf.tensor1d([1]));
 * const optimizer = new AdamW();
 * optimizer.step({ weight: tf.tensor1d([2]) }, { weight }, { learningRate: 0.1 });
 * weight.dataSync(); // [0.9]
 * ```
 */
export class AdamW {
  private readonly constants: { beta1: number; beta2: number; epsilon: number };
  private readonly moments = new Map<string, Moments>();
  private readonly rowMoments = new Map<string, RowMoments>();
  // Read back from a checkpoint, until the parameter's shape is known.
  private readonly restored = new Map<string, { mean: Float32Array; square: Float32Array }>();
  private count = 0;

  constructor({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamWOptions = {}) {
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon >= 0)) {
      throw new SdqError(
        'bad-option',
        `AdamW cannot use beta1 ${beta1}, beta2 ${beta2}, epsilon ${epsilon}.`,
      );
    }
    this.constants = { beta1, beta2, epsilon };
  }

  /** The number of steps taken. */
  get steps(): number {
    return this.count;
  }

  /**
   * Takes a step on each parameter that has a gradient.
   *
   * @param gradients - by name, each of its variable's shape
   * @param variables - by name; those without a gradient stay as they are, without decay
   * @throws SdqError `missing-tensor` when a gradient has no variable, `bad-shape`
   */
  step(
    gradients: Readonly<Record<string, tf.Tensor>>,
    variables: Readonly<Record<string, tf.Variable>>,
    options: AdamWStepOptions,
  ): void {
    const names = Object.keys(gradients);
    const updates = Object.entries(gradients).map(([name, gradient]): AdamUpdate => {
      const variable = variables[name];
      if (!variable) throw new SdqError('missing-tensor', `The gradient "${name}" has no variable.`);
      requireSameShape(`AdamW "${name}"`, gradient, variable);
      const weightDecay = options.weightDecay?.(name) ?? 0;
      return { variable, gradient, weightDecay, ...this.momentsOf(name, variable.shape) };
    });
    this.count++;
    const native = hostKernels();
    if (native) {
      for (const [rate, group] of groupByRate(names, updates, options)) {
        native.adamW(group, this.stepConstants(options, rate));
      }
      return;
    }
    updates.forEach((update, i) => {
      const name = names[i]!;
      const next = composedUpdate(update, this.stepConstants(options, options.rateOf?.(name)));
      update.mean.dispose();
      update.square.dispose();
      this.moments.set(name, next);
    });
  }

  /**
   * Takes part in the step that {@link AdamW.step} took last, for some rows of a table: only these rows and their
   * moments change, and only they decay. Call it after `step`.
   *
   * The moments of rows that had a gradient are kept in host memory, so a table of 250,000 rows costs only what the
   * data uses. Source: the lazy variant of Adam, as in TensorFlow's LazyAdam.
   *
   * @param name - of the table
   * @param rowIds - [rows], all different
   * @param rowGradients - [rows, hidden]
   * @param table - [vocabulary, hidden]
   * @throws SdqError `bad-shape`; `bad-value` when a row id is out of range or comes twice
   */
  stepRows(
    name: string,
    rowIds: Int32Array,
    rowGradients: tf.Tensor,
    table: tf.Variable,
    options: AdamWStepOptions,
  ): void {
    const [rows, width] = table.shape as [number, number];
    requireShape(
      table.rank === 2 && rowGradients.shape[0] === rowIds.length && rowGradients.shape[1] === width,
      () =>
        `AdamW "${name}": [${rowGradients.shape}] are no gradients of ${rowIds.length} rows of [${table.shape}].`,
    );
    if (rowIds.some((id) => id < 0 || id >= rows) || new Set(rowIds).size !== rowIds.length) {
      throw new SdqError('bad-value', `AdamW "${name}": the row ids must differ and lie in [0, ${rows}).`);
    }
    if (rowIds.length === 0) return;
    const { slots, means, squares } = this.rowSlots(name, width, rowIds);
    const weightDecay = options.weightDecay?.(name) ?? 0;
    const update = { table, rowIds, slots, gradients: rowGradients, means, squares, weightDecay };
    const native = hostKernels();
    const constants = this.stepConstants(options, options.rateOf?.(name));
    if (native?.adamWRows) native.adamWRows(update, constants);
    else composedRowsUpdate(update, constants);
  }

  /** Copies of the moments, and the step count. */
  state(): AdamWState {
    const arrays: Record<string, Float32Array | Int32Array> = {};
    for (const [name, { mean, square }] of this.restored) {
      arrays[`${name}.mean`] = mean.slice();
      arrays[`${name}.square`] = square.slice();
    }
    for (const [name, { mean, square }] of this.moments) {
      arrays[`${name}.mean`] = (mean.dataSync() as Float32Array).slice();
      arrays[`${name}.square`] = (square.dataSync() as Float32Array).slice();
    }
    for (const [name, { slots, width, means, squares }] of this.rowMoments) {
      arrays[`${name}.rows`] = Int32Array.from(slots.keys());
      arrays[`${name}.mean`] = means.slice(0, slots.size * width);
      arrays[`${name}.square`] = squares.slice(0, slots.size * width);
    }
    return { step: this.count, arrays };
  }

  /**
   * Goes on from a saved state.
   *
   * @throws SdqError `bad-checkpoint` when arrays are missing or do not fit together
   */
  restore({ step, arrays }: AdamWState): void {
    this.dispose();
    this.count = step;
    for (const key of Object.keys(arrays).filter((key) => key.endsWith('.mean'))) {
      const name = key.slice(0, -'.mean'.length);
      const mean = arrays[key];
      const square = arrays[`${name}.square`];
      const rows = arrays[`${name}.rows`];
      const whole =
        mean instanceof Float32Array && square instanceof Float32Array && mean.length === square.length;
      if (!whole || (rows && mean.length % rows.length !== 0)) {
        throw new SdqError('bad-checkpoint', `The optimizer state of "${name}" is not whole.`);
      }
      if (rows) {
        const slots = new Map(Array.from(rows, (id, slot) => [id, slot]));
        const width = mean.length / rows.length;
        this.rowMoments.set(name, { width, slots, means: mean.slice(), squares: square.slice() });
      } else {
        this.restored.set(name, { mean: mean.slice(), square: square.slice() });
      }
    }
  }

  /** Frees the moments; the next step starts from none. */
  dispose(): void {
    for (const { mean, square } of this.moments.values()) tf.dispose([mean, square]);
    this.moments.clear();
    this.rowMoments.clear();
    this.restored.clear();
    this.count = 0;
  }

  private stepConstants({ learningRate, gradientScale = 1 }: AdamWStepOptions, rate = 1): AdamStep {
    const step = Math.max(1, this.count);
    return { ...this.constants, learningRate: learningRate * rate, gradientScale, step };
  }

  private momentsOf(name: string, shape: number[]): Moments {
    const known = this.moments.get(name);
    if (known) return known;
    const size = tf.util.sizeFromShape(shape);
    const restored = this.restored.get(name);
    if (restored && restored.mean.length !== size) {
      throw new SdqError('bad-checkpoint', `The optimizer state of "${name}" does not fit [${shape}].`);
    }
    // These arrays are nobody else's: a backend may update them in place.
    const created = {
      mean: tf.keep(tf.tensor(restored?.mean ?? new Float32Array(size), shape)),
      square: tf.keep(tf.tensor(restored?.square ?? new Float32Array(size), shape)),
    };
    this.restored.delete(name);
    this.moments.set(name, created);
    return created;
  }

  private rowSlots(
    name: string,
    width: number,
    rowIds: Int32Array,
  ): { slots: Int32Array; means: Float32Array; squares: Float32Array } {
    const empty = { width, slots: new Map(), means: new Float32Array(0), squares: new Float32Array(0) };
    const moments: RowMoments = this.rowMoments.get(name) ?? empty;
    this.rowMoments.set(name, moments);
    if (moments.width !== width) {
      throw new SdqError('bad-checkpoint', `The optimizer state of "${name}" has rows of ${moments.width}.`);
    }
    const slots = rowIds.map((id) => {
      const slot = moments.slots.get(id) ?? moments.slots.size;
      moments.slots.set(id, slot);
      return slot;
    });
    const needed = moments.slots.size * width;
    if (needed > moments.means.length) {
      // Half as much again each time: growing costs little in sum, and wastes at most a third.
      const capacity = Math.ceil(needed * 1.5);
      moments.means = enlarged(moments.means, capacity);
      moments.squares = enlarged(moments.squares, capacity);
    }
    return { slots, means: moments.means, squares: moments.squares };
  }
}

/** The updates of parameters that share a learning rate. */
function groupByRate(
  names: readonly string[],
  updates: readonly AdamUpdate[],
  { rateOf = () => 1 }: AdamWStepOptions,
): Map<number, AdamUpdate[]> {
  const groups = new Map<number, AdamUpdate[]>();
  updates.forEach((update, i) => {
    const rate = rateOf(names[i]!);
    groups.set(rate, [...(groups.get(rate) ?? []), update]);
  });
  return groups;
}

function enlarged(values: Float32Array, length: number): Float32Array {
  const larger = new Float32Array(length);
  larger.set(values);
  return larger;
}

function corrections({ learningRate, beta1, beta2, step }: AdamStep): { stepSize: number; root: number } {
  return { stepSize: learningRate / (1 - beta1 ** step), root: Math.sqrt(1 - beta2 ** step) };
}

/** The update by stock ops: assigns the variable and returns the new moments. */
function composedUpdate(update: AdamUpdate, step: AdamStep): Moments {
  const { variable, gradient } = update;
  const { beta1, beta2, epsilon } = step;
  const { stepSize, root } = corrections(step);
  const [mean, square] = tf.tidy(() => {
    const g = gradient.mul(step.gradientScale);
    const mean = update.mean.mul(beta1).add(g.mul(1 - beta1));
    const square = update.square.mul(beta2).add(g.square().mul(1 - beta2));
    const change = mean.div(square.sqrt().div(root).add(epsilon)).mul(stepSize);
    variable.assign(variable.mul(1 - step.learningRate * update.weightDecay).sub(change));
    return [tf.keep(mean), tf.keep(square)];
  });
  return { mean: mean!, square: square! };
}

/** The update of rows on the host, since the moments live there. */
function composedRowsUpdate(update: AdamRowsUpdate, step: AdamStep): void {
  const { table, rowIds, slots, means, squares } = update;
  const { beta1, beta2, epsilon } = step;
  const { stepSize, root } = corrections(step);
  const [, width] = table.shape as [number, number];
  const keep = 1 - step.learningRate * update.weightDecay;
  tf.tidy(() => {
    const before = tf.gather(table, tf.tensor1d(rowIds, 'int32')).dataSync();
    const gradients = update.gradients.dataSync();
    const after = new Float32Array(before.length);
    for (let i = 0; i < after.length; i++) {
      const at = slots[Math.floor(i / width)]! * width + (i % width);
      const g = gradients[i]! * step.gradientScale;
      const mean = beta1 * means[at]! + (1 - beta1) * g;
      const square = beta2 * squares[at]! + (1 - beta2) * g * g;
      means[at] = mean;
      squares[at] = square;
      after[i] = before[i]! * keep - (stepSize * mean) / (Math.sqrt(square) / root + epsilon);
    }
    const indices = tf.tensor2d(rowIds, [rowIds.length, 1], 'int32');
    // tfjs's cpu kernel writes into its input, which others may share.
    const copy = table.add(0);
    table.assign(tf.tensorScatterUpdate(copy, indices, tf.tensor2d(after, [rowIds.length, width])));
  });
}

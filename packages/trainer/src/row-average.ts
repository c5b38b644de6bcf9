import { embedding } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';

/** What a {@link RowAverage} keeps: row by row its average, as it was after the step at which the row last changed. */
export interface RowAverageState {
  /** [kept] */
  readonly rowIds: Int32Array;
  /** [kept * width] */
  readonly averages: Float32Array;
  /** [kept] */
  readonly steps: Int32Array;
}

/**
 * The exponential moving average of a table of which a step changes few rows, at the cost of those rows alone.
 *
 * A row that stays at w for n steps has the average w + decay^n (a - w), so it is computed when the row is needed again; a row
 * that never changed is its own average, and takes no memory.
 */
export class RowAverage {
  private readonly slots = new Map<number, number>();
  private readonly width: number;
  private averages = new Float32Array(0);
  private steps = new Int32Array(0);
  /** [kept * width]: the weights, while the averages are in their place. */
  private swapped: Float32Array | undefined;

  constructor(
    private readonly table: tf.Variable,
    private readonly decay: number,
    private step = 0,
  ) {
    this.width = table.shape[1]!;
  }

  /** Takes in a step that changes rows [changed rows]: to be called with the change. */
  update(rowIds: Int32Array, change: () => void): void {
    const before = this.rows(rowIds);
    change();
    const after = this.rows(rowIds);
    const { decay, width, step } = this;
    for (const [i, id] of rowIds.entries()) {
      const slot = this.slots.get(id) ?? this.add(id, before.subarray(i * width, (i + 1) * width));
      const kept = decay ** (step - this.steps[slot]!);
      for (let k = 0; k < width; k++) {
        const [old, now] = [before[i * width + k]!, after[i * width + k]!];
        const average = old + kept * (this.averages[slot * width + k]! - old);
        this.averages[slot * width + k] = decay * average + (1 - decay) * now;
      }
      this.steps[slot] = step + 1;
    }
    this.step += 1;
  }

  /** Puts the averages in the place of the weights; a second call undoes the first. */
  swap(): void {
    const { slots, width } = this;
    const values = Float32Array.from(this.table.dataSync());
    const held = this.swapped;
    const weights = new Float32Array(slots.size * width);
    for (const [id, slot] of slots) {
      const kept = this.decay ** (this.step - this.steps[slot]!);
      for (let k = 0; k < width; k++) {
        const weight = values[id * width + k]!;
        weights[slot * width + k] = weight;
        values[id * width + k] = held
          ? held[slot * width + k]!
          : weight + kept * (this.averages[slot * width + k]! - weight);
      }
    }
    this.swapped = held ? undefined : weights;
    const tensor = tf.tensor(values, this.table.shape);
    this.table.assign(tensor);
    tensor.dispose();
  }

  /** What to write down so that {@link restore} goes on with the same bits. */
  state(): RowAverageState {
    const { slots, width } = this;
    return {
      rowIds: Int32Array.from(slots.keys()),
      averages: this.averages.slice(0, slots.size * width),
      steps: this.steps.slice(0, slots.size),
    };
  }

  /** Goes on after a step with what was written down then. */
  restore({ rowIds, averages, steps }: RowAverageState, step: number): void {
    this.slots.clear();
    for (const [slot, id] of rowIds.entries()) this.slots.set(id, slot);
    this.averages = averages.slice();
    this.steps = steps.slice();
    this.step = step;
  }

  private rows(rowIds: Int32Array): Float32Array {
    const rows = tf.tidy(() => embedding(this.table, rowIds));
    const values = Float32Array.from(rows.dataSync());
    rows.dispose();
    return values;
  }

  /** Keeps a row that changes for the first time: so far it is its own average. */
  private add(id: number, row: Float32Array): number {
    const slot = this.slots.size;
    this.slots.set(id, slot);
    if (slot >= this.steps.length) {
      const capacity = Math.max(64, 2 * this.steps.length);
      this.averages = grown(this.averages, new Float32Array(capacity * this.width));
      this.steps = grown(this.steps, new Int32Array(capacity));
    }
    this.averages.set(row, slot * this.width);
    this.steps[slot] = this.step;
    return slot;
  }
}

function grown<T extends Float32Array | Int32Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}

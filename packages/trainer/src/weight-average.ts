import { SdqError } from '@sdq/core';
import type { SafetensorsValue } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { RowAverage } from './row-average.ts';

/**
 * The exponential moving average of weights over the steps of training: a = decay * a + (1 - decay) * w, from the weights
 * that training starts with. Source: Polyak and Juditsky 1992; Tarvainen and Valpola 2017, "Mean teachers", equation 1.
 */
export class WeightAverage {
  private readonly averages: Map<string, tf.Tensor>;
  private readonly dense: ReadonlyMap<string, tf.Variable>;
  private readonly rows: RowAverage | undefined;

  /** @param sparse - the table of which a step changes a few rows only */
  constructor(
    variables: ReadonlyMap<string, tf.Variable>,
    private readonly decay: number,
    private readonly sparse?: string,
  ) {
    const table = sparse === undefined ? undefined : variables.get(sparse);
    this.rows = table && new RowAverage(table, decay);
    this.dense = new Map([...variables].filter(([, variable]) => variable !== table));
    this.averages = new Map([...this.dense].map(([name, variable]) => [name, copyOf(variable)]));
  }

  /**
   * Takes in the weights as a step leaves them.
   *
   * @param change - takes the step
   * @param rowIds - the rows of the sparse table that it changes
   */
  update(change: () => void, rowIds: Int32Array = new Int32Array(0)): void {
    if (this.rows) this.rows.update(rowIds, change);
    else change();
    for (const [name, variable] of this.dense) {
      const average = this.averages.get(name)!;
      this.averages.set(
        name,
        tf.tidy(() => tf.keep(average.mul(this.decay).add(variable.mul(1 - this.decay)))),
      );
      average.dispose();
    }
  }

  /** Puts the averages in the place of the weights, and the weights in theirs: a second call undoes the first. */
  swap(): void {
    this.rows?.swap();
    for (const [name, variable] of this.dense) {
      const average = this.averages.get(name)!;
      this.averages.set(name, copyOf(variable));
      variable.assign(average);
      average.dispose();
    }
  }

  /** The averages by name, and of the sparse table the rows that changed so far, for a checkpoint. */
  state(): Map<string, SafetensorsValue> {
    const arrays = new Map<string, SafetensorsValue>();
    for (const [name, tensor] of this.averages) {
      arrays.set(name, { shape: tensor.shape, data: tensor.dataSync() as Float32Array });
    }
    if (!this.rows) return arrays;
    for (const [part, data] of Object.entries(this.rows.state())) {
      if (data.length > 0) arrays.set(`${this.sparse}.${part}`, { shape: [data.length], data });
    }
    return arrays;
  }

  /**
   * Goes on after a step with what was written down then.
   *
   * @throws SdqError `bad-checkpoint` when an array is missing
   */
  restore(arrays: ReadonlyMap<string, SafetensorsValue>, step: number): void {
    const find = (name: string) => {
      const found = arrays.get(name);
      if (found) return found;
      throw new SdqError(
        'bad-checkpoint',
        `The checkpoint of this training has no average "${name}": delete it to train anew.`,
      );
    };
    for (const [name, average] of this.averages) {
      const { data, shape } = find(name);
      this.averages.set(name, tf.keep(tf.tensor(data as Float32Array, [...shape])));
      average.dispose();
    }
    // Before the first step no row has changed, and none is written down.
    if (!this.rows || step === 0) return;
    const part = (name: string) => find(`${this.sparse}.${name}`).data;
    this.rows.restore(
      {
        rowIds: part('rowIds') as Int32Array,
        averages: part('averages') as Float32Array,
        steps: part('steps') as Int32Array,
      },
      step,
    );
  }

  dispose(): void {
    tf.dispose([...this.averages.values()]);
  }
}

/** A copy with memory of its own, since the optimizer writes in place. */
function copyOf(variable: tf.Variable): tf.Tensor {
  return tf.keep(tf.tensor(Float32Array.from(variable.dataSync()), variable.shape));
}

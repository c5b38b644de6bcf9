import * as tf from '@tensorflow/tfjs';

/**
 * The exponential moving average of weights over the steps of training: a = decay * a + (1 - decay) * w, from the weights
 * that training starts with. Source: Polyak and Juditsky 1992; Tarvainen and Valpola 2017, "Mean teachers", equation 1.
 */
export class WeightAverage {
  private readonly averages: Map<string, tf.Tensor>;

  constructor(
    private readonly variables: ReadonlyMap<string, tf.Variable>,
    private readonly decay: number,
  ) {
    this.averages = new Map([...variables].map(([name, variable]) => [name, copyOf(variable)]));
  }

  /** Takes in the weights as they are now. */
  update(): void {
    for (const [name, variable] of this.variables) {
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
    for (const [name, variable] of this.variables) {
      const average = this.averages.get(name)!;
      this.averages.set(name, copyOf(variable));
      variable.assign(average);
      average.dispose();
    }
  }

  /** The averages by name. */
  get tensors(): ReadonlyMap<string, tf.Tensor> {
    return this.averages;
  }

  /** Goes on from averages that were read back. */
  restore(values: ReadonlyMap<string, tf.Tensor>): void {
    for (const [name, value] of values) {
      this.averages.get(name)!.dispose();
      this.averages.set(name, value);
    }
  }

  dispose(): void {
    tf.dispose([...this.averages.values()]);
  }
}

/** A copy with memory of its own, since the optimizer writes in place. */
function copyOf(variable: tf.Variable): tf.Tensor {
  return tf.keep(tf.tensor(Float32Array.from(variable.dataSync()), variable.shape));
}

import * as tf from '@tensorflow/tfjs';
import type { Operators } from './operators.ts';

interface Range {
  readonly min: number;
  readonly max: number;
  readonly finite: boolean;
}

/**
 * The ends of tensors, and whether they are finite, asked once for each: query, key and value read one input, and the values
 * of a tensor do not change.
 */
export class FiniteTensors {
  private readonly ranges = new WeakMap<object, Range>();
  private readonly finite = new WeakSet<object>();

  constructor(private readonly t: Operators) {}

  /** Whether no element is NaN or infinite. */
  has(x: tf.TensorInfo): boolean {
    if (this.finite.has(x.dataId) || tf.util.sizeFromShape(x.shape) === 0) return true;
    const { t } = this;
    const [sum] = t.read(t.sum(t.of(x), axesOf(x)));
    const finite = Number.isFinite(sum) || this.hasNoneOf(x);
    if (finite) this.finite.add(x.dataId);
    return finite;
  }

  range(x: tf.TensorInfo): Range {
    const known = this.ranges.get(x.dataId);
    if (known) return known;
    const { t } = this;
    const [values, axes] = [t.of(x), axesOf(x)];
    const [min, max, sum] = t.read(t.pack([t.min(values, axes), t.max(values, axes), t.sum(values, axes)]));
    const finite = Number.isFinite(sum) || this.hasNoneOf(x);
    const range = { min: min!, max: max!, finite };
    this.ranges.set(x.dataId, range);
    if (finite) this.finite.add(x.dataId);
    return range;
  }

  /** For a sum that is not finite: that of large numbers may overflow. */
  private hasNoneOf(x: tf.TensorInfo): boolean {
    const { t } = this;
    return t.read(t.sum(t.mul(t.of(x), 0), axesOf(x)))[0] === 0;
  }
}

function axesOf({ shape }: tf.TensorInfo): number[] {
  return shape.map((_, axis) => axis);
}

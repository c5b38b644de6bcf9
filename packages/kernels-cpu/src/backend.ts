import * as tf from '@tensorflow/tfjs';
import { BufferPool } from './buffer-pool.ts';

/** The name of the backend. */
export const BACKEND = 'sdq-cpu';

/** What tfjs's cpu backend keeps of a tensor. */
interface TensorData {
  values?: tf.backend_util.BackendValues;
  dtype: tf.DataType;
  refCount: number;
  /** Set when the values are on loan from the pool. */
  pooled?: true;
}

/** The part of tfjs's cpu backend that this package builds on. */
interface CpuBackend extends tf.KernelBackend {
  data: tf.DataStorage<TensorData>;
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId;
  readSync(dataId: object): tf.backend_util.BackendValues;
  disposeData(dataId: object, force?: boolean): boolean;
}

/** What a kernel made of the values of a tensor and keeps beside them. */
export interface Derived {
  /** Set when the values changed in place. */
  stale: boolean;
  /** Called once, when the values go. */
  free(): void;
}

/** tfjs's cpu backend with pooled buffers for the results of native kernels. */
export interface SdqCpuBackend extends CpuBackend {
  readonly pool: BufferPool;
  /** By the id of the data. */
  readonly derived: WeakMap<tf.DataId, Derived>;
  /** The values of a tensor as floats, without a copy where they are. */
  floats(x: tf.TensorInfo): Float32Array;
  /** A tensor of floats of any content, to be written by a kernel. */
  allocate(shape: number[]): { info: tf.TensorInfo; values: Float32Array };
  /** The values of a variable that nothing else shares, so that they may change in place. */
  exclusive(variable: tf.Variable): Float32Array;
}

/** Makes the backend; tfjs's own class comes from the tfjs that the user has, so there is never a second copy. */
export function createBackend(): SdqCpuBackend {
  const Base = tf.findBackend('cpu').constructor as new () => CpuBackend;

  class Backend extends Base implements SdqCpuBackend {
    readonly pool = new BufferPool();
    readonly derived = new WeakMap<tf.DataId, Derived>();
    // tfjs's first write prints advice to install another backend.
    firstUse = false;

    floats(x: tf.TensorInfo): Float32Array {
      const { values } = this.data.get(x.dataId);
      // A cast from int32 or bool only relabels the values.
      return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
    }

    allocate(shape: number[]): { info: tf.TensorInfo; values: Float32Array } {
      const values = this.pool.take(tf.util.sizeFromShape(shape));
      const dataId = super.write(values, shape, 'float32');
      this.data.get(dataId).pooled = true;
      return { info: { dataId, shape, dtype: 'float32' }, values };
    }

    exclusive(variable: tf.Variable): Float32Array {
      const { values, refCount, pooled } = this.data.get(variable.dataId);
      if (pooled && refCount === 1) {
        const derived = this.derived.get(variable.dataId);
        if (derived) derived.stale = true;
        return values as Float32Array;
      }
      const copy = this.allocate(variable.shape);
      copy.values.set(values as Float32Array);
      const tensor = tf.engine().makeTensorFromTensorInfo(copy.info);
      variable.assign(tensor);
      tensor.dispose();
      return copy.values;
    }

    override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
      // Two tensors may share an array of their maker, but not one that returns to the pool.
      const own = this.pool.owns(values) ? (values as Float32Array).slice() : values;
      return super.write(own, shape, dtype);
    }

    override readSync(dataId: object): tf.backend_util.BackendValues {
      const values = super.readSync(dataId);
      return this.pool.owns(values) ? (values as Float32Array).slice() : values;
    }

    override disposeData(dataId: object, force = false): boolean {
      const data = this.data.has(dataId) ? this.data.get(dataId) : undefined;
      const released = super.disposeData(dataId, force);
      if (!released) return false;
      if (data?.pooled) this.pool.give(data.values as Float32Array);
      this.derived.get(dataId)?.free();
      this.derived.delete(dataId);
      return true;
    }
  }

  return new Backend();
}

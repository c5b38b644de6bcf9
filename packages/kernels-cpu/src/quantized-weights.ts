import { notFinite } from '@sdq/kernels';
import type * as tf from '@tensorflow/tfjs';
import type { Addon, AddonQuantizedWeight } from './addon.ts';
import type { Derived, SdqCpuBackend } from './backend.ts';

interface Entry extends Derived {
  readonly packed: AddonQuantizedWeight;
  readonly rows: number;
  readonly columns: number;
  readonly levels: number;
}

/**
 * The integers of a weight [rows, columns], packed once for as long as its values stay: a model that is evaluated
 * keeps them, and training makes them anew after each step of the optimizer, in the same memory.
 *
 * @throws SdqError `bad-value` when the weight holds NaN or infinity
 */
export function quantizedWeight(
  addon: Addon,
  backend: SdqCpuBackend,
  weight: tf.TensorInfo,
  levels: number,
  site: string | undefined,
): AddonQuantizedWeight {
  const [rows, columns] = weight.shape as [number, number];
  let entry = backend.derived.get(weight.dataId) as Entry | undefined;
  // Reshaped tensors share their data.
  if (entry && (entry.rows !== rows || entry.columns !== columns || entry.levels !== levels)) {
    entry.free();
    entry = undefined;
  }
  if (!entry) {
    const packed = new addon.QuantizedWeight(rows, columns);
    entry = { packed, rows, columns, levels, stale: true, free: () => packed.free() };
    backend.derived.set(weight.dataId, entry);
  }
  if (entry.stale) {
    if (!entry.packed.quantize(backend.floats(weight), levels)) throw notFinite(site);
    entry.stale = false;
  }
  return entry.packed;
}

import * as tf from '@tensorflow/tfjs';
import { hostKernels } from './host-kernels.ts';

/**
 * The names of the kernels that the current backend brings for the operations of this package, sorted.
 *
 * @example
 * ```ts
 * import { ownKernels } from '@sdq/kernels';
 * import { useSdqCpu } from '@sdq/kernels-cpu';
 *
 * await useSdqCpu();
 * ownKernels().includes('SdqLinear'); // true
 * ```
 */
export function ownKernels(): string[] {
  const names = tf.getKernelsForBackend(tf.getBackend()).map(({ kernelName }) => kernelName);
  const host = Object.entries(hostKernels() ?? {}).filter(([, kernel]) => kernel !== undefined);
  return [...names.filter((name) => name.startsWith('Sdq')), ...host.map(([name]) => name)].sort();
}

import type { BackendPeaks } from '@sdq/core';
import { registerHostKernels } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { loadAddon, type SdqCpuInfo } from './addon.ts';
import { BACKEND, createBackend } from './backend.ts';
import { nativeHostKernels } from './native-host-kernels.ts';
import { registerSdqKernels } from './sdq-kernels.ts';
import { registerStockKernels } from './stock-kernels.ts';

/**
 * Registers the tfjs backend `sdq-cpu` and makes it the current one.
 *
 * `SDQ_THREADS` sets the number of threads (one a physical core unless set; results do not depend on it),
 * `SDQ_CPU_PATH` forces `avx512vnni`, `avx512`, `avxvnni`, `avx2` or `portable`; `SDQ_GRADIENTS=bfloat16` multiplies the
 * gradients of quantized linear layers in bfloat16, on CPUs with avx512bf16. All are read once.
 *
 * @throws SdqError `unavailable` when the native code is missing, damaged or cannot run, with what to do; `bad-option` when
 * one of the variables has a value that is none
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { useSdqCpu } from '@sdq/kernels-cpu';
 *
 * await useSdqCpu();
 * tf.getBackend(); // 'sdq-cpu'
 * ```
 */
export async function useSdqCpu(): Promise<void> {
  const addon = loadAddon();
  if (!(BACKEND in tf.engine().registryFactory)) {
    const backend = createBackend();
    registerStockKernels(addon, backend);
    registerSdqKernels(addon, backend);
    registerHostKernels(BACKEND, nativeHostKernels(addon, backend));
    tf.registerBackend(BACKEND, () => backend);
  }
  await tf.setBackend(BACKEND);
}

/**
 * Which instructions and how many threads the native kernels use.
 *
 * @throws SdqError as {@link useSdqCpu}
 *
 * @example
 * ```ts
 * import { sdqCpuInfo } from '@sdq/kernels-cpu';
 *
 * sdqCpuInfo().threads > 0; // true
 * ```
 */
export function sdqCpuInfo(): SdqCpuInfo {
  return loadAddon().info();
}

/**
 * Measures for some tenths of a second what this machine can do at most with the instructions and threads in use: the
 * rates that kernels are compared with.
 *
 * @throws SdqError as {@link useSdqCpu}
 *
 * @example
 * ```ts
 * import { sdqCpuPeaks } from '@sdq/kernels-cpu';
 *
 * sdqCpuPeaks().f32Gflops > 0; // true
 * ```
 */
export function sdqCpuPeaks(): BackendPeaks {
  return loadAddon().peaks();
}

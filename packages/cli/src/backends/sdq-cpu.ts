import { type BackendStatus, type KernelBackend, SdqError } from '@sdq/core';
import { activeKernels } from './active-kernels.ts';

let description = '';

/** The Rust kernels of @sdq/kernels-cpu. */
export const sdqCpu: KernelBackend = {
  name: 'sdq-cpu',

  async available(): Promise<BackendStatus> {
    try {
      const { path, threads } = (await import('@sdq/kernels-cpu')).sdqCpuInfo();
      return { state: 'ok', found: `path ${path}, ${threads} threads (SDQ_CPU_PATH, SDQ_THREADS)` };
    } catch (error) {
      const { message } = error as Error;
      // Commands end with this sentence too.
      if (error instanceof SdqError && error.code === 'bad-option') {
        return { state: 'missing', found: 'not started', advice: message };
      }
      const advice = `${message} The wasm backend runs instead, about 15 times slower.`;
      return { state: 'limited', found: 'not available', advice };
    }
  },

  async activate(): Promise<void> {
    const { sdqCpuInfo, useSdqCpu } = await import('@sdq/kernels-cpu');
    await useSdqCpu();
    const { path, threads, gradients } = sdqCpuInfo();
    const rounding = gradients === 'float32' ? '' : `, ${gradients} gradients`;
    description = `sdq-cpu (${path}, ${threads} threads${rounding})`;
  },

  describe: () => description,
  kernels: activeKernels,
  peaks: async () => (await import('@sdq/kernels-cpu')).sdqCpuPeaks(),
};

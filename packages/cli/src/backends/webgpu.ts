import type { BackendStatus, KernelBackend, Reporter } from '@sdq/core';
import { activeKernels } from './active-kernels.ts';
import { loadWebGpu, probeWebGpu } from './webgpu-probe.ts';

let description = '';

/** WebGPU, by the npm package of that name. */
export const webgpu: KernelBackend = {
  name: 'webgpu',

  available(): BackendStatus {
    try {
      const { adapter, software } = probeWebGpu();
      return { state: 'ok', found: software ? `${adapter}, a program on the CPU` : adapter };
    } catch (error) {
      return { state: 'limited', found: 'not available', advice: (error as Error).message };
    }
  },

  async activate(reporter: Reporter): Promise<void> {
    probeWebGpu();
    const { adapter, software } = await (await loadWebGpu()).useWebGpu();
    if (software) {
      reporter.message(
        `WebGPU runs on ${adapter}, a program on the CPU: --backend sdq-cpu is many times faster here.`,
      );
    }
    description = `webgpu (${adapter})`;
  },

  describe: () => description,
  kernels: activeKernels,
};

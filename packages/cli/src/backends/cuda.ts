import type { BackendStatus, KernelBackend, Reporter } from '@sdq/core';
import { optionalPackage } from '../optional-package.ts';
import { activeKernels } from './active-kernels.ts';

let description = '';

/** The package that brings TensorFlow, which is not installed with sdq. */
export function loadCuda(use: string): Promise<typeof import('@sdq/kernels-cuda')> {
  return optionalPackage('@sdq/kernels-cuda', use, () => import('@sdq/kernels-cuda'));
}

/** TensorFlow, on an NVIDIA card if there is one. */
export const cuda: KernelBackend = {
  name: 'cuda',

  async available(): Promise<BackendStatus> {
    let setup: ReturnType<typeof import('@sdq/kernels-cuda').cudaSetup>;
    try {
      setup = (await loadCuda('It')).cudaSetup();
    } catch (error) {
      return { state: 'limited', found: 'not installed', advice: (error as Error).message };
    }
    if (setup) {
      const build = setup.build === 'cpu' ? ' for the CPU' : ' with CUDA';
      return { state: 'ok', found: `TensorFlow${build} in ${setup.folder}` };
    }
    return {
      state: 'limited',
      found: 'not set up',
      advice: '"sdq gpu setup" builds it (3.4 GB; with --cpu 0.3 GB); sdq-cpu needs none of it.',
    };
  },

  async activate(reporter: Reporter): Promise<void> {
    const { useCuda } = await loadCuda('--backend cuda');
    const { build, device, version } = await useCuda();
    if (build === 'cuda' && device === 'cpu') {
      reporter.message(
        'TensorFlow finds no NVIDIA card with a driver for CUDA 12 and runs on the CPU: "nvidia-smi" says what the driver sees.',
      );
    }
    description = `cuda (TensorFlow ${version} on the ${device === 'gpu' ? 'GPU' : 'CPU'})`;
  },

  describe: () => description,
  kernels: activeKernels,
};

import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { type BackendStatus, type KernelBackend, SdqError } from '@sdq/core';
import { activeKernels } from './active-kernels.ts';

const PACKAGE = '@tensorflow/tfjs-backend-wasm';

/** TensorFlow.js's own WebAssembly backend, which runs everywhere. */
export const wasm: KernelBackend = {
  name: 'wasm',
  // WebAssembly addresses 4 GiB: a step of e5-small on 1,024 tokens does not fit, one on 512 does.
  batchTokens: 512,

  available(): BackendStatus {
    try {
      entry();
      return { state: 'ok', found: 'installed' };
    } catch {
      return { state: 'missing', found: 'not installed', advice: `Install ${PACKAGE}.` };
    }
  },

  async activate(): Promise<void> {
    const [{ setWasmPaths }, tf] = await Promise.all([
      import('@tensorflow/tfjs-backend-wasm'),
      import('@tensorflow/tfjs'),
    ]);
    setWasmPaths(dirname(entry()) + sep);
    if (!(await tf.setBackend('wasm'))) {
      throw new SdqError(
        'unavailable',
        'The wasm backend of TensorFlow.js did not start: use Node 20.19 or newer.',
      );
    }
  },

  describe: () => 'wasm (1 thread)',
  kernels: activeKernels,
};

function entry(): string {
  return createRequire(import.meta.url).resolve(PACKAGE);
}

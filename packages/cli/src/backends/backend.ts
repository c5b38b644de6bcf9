import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { type Reporter, SdqError, unknownName } from '@sdq/core';
import { sdqCpuInfo, useSdqCpu } from '@sdq/kernels-cpu';
import { useCuda } from '@sdq/kernels-cuda';
import { useWebGpu } from '@sdq/kernels-webgpu';
import * as tf from '@tensorflow/tfjs';
import { BACKENDS } from './backends.ts';
import { probeWebGpu } from './webgpu-probe.ts';

/**
 * Sets the tensor backend: the one asked for, or the fastest that there is.
 *
 * @returns its name, with what it runs on
 * @throws SdqError `unavailable` when the backend that was asked for cannot run here
 */
export async function selectBackend(name: string | undefined, reporter: Reporter): Promise<string> {
  if (name !== undefined && !BACKENDS.some((known) => known === name))
    throw unknownName('backend', name, BACKENDS);
  // Production mode leaves out tfjs's banner and its checks of every tensor.
  tf.enableProdMode();
  if (name === 'cuda') {
    const { build, device, version } = await useCuda();
    if (build === 'cuda' && device === 'cpu') {
      reporter.message(
        'TensorFlow finds no NVIDIA card with a driver for CUDA 12 and runs on the CPU: "nvidia-smi" says what the driver sees.',
      );
    }
    return `cuda (TensorFlow ${version} on the ${device === 'gpu' ? 'GPU' : 'CPU'})`;
  }
  if (name === 'webgpu') {
    probeWebGpu();
    const { adapter, software } = await useWebGpu();
    if (software) {
      reporter.message(
        `WebGPU runs on ${adapter}, a program on the CPU: --backend sdq-cpu is many times faster here.`,
      );
    }
    return `webgpu (${adapter})`;
  }
  if (name !== 'wasm') {
    try {
      await useSdqCpu();
      const { path, threads, gradients } = sdqCpuInfo();
      const rounding = gradients === 'float32' ? '' : `, ${gradients} gradients`;
      return `sdq-cpu (${path}, ${threads} threads${rounding})`;
    } catch (error) {
      if (name === 'sdq-cpu' || !(error instanceof SdqError && error.code === 'unavailable')) throw error;
      reporter.message(
        `${error.message} Until then the wasm backend of TensorFlow.js runs instead: one thread, about 15 times slower.`,
      );
    }
  }
  await useWasm();
  return 'wasm (1 thread)';
}

async function useWasm(): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(entry) + sep);
  if (!(await tf.setBackend('wasm'))) {
    throw new SdqError(
      'unavailable',
      'The wasm backend of TensorFlow.js did not start: use Node 20.19 or newer.',
    );
  }
}

import { type KernelBackend, type Reporter, SdqError, unknownName } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { BACKENDS, KERNEL_BACKENDS } from './kernel-backends.ts';
import { sdqCpu } from './sdq-cpu.ts';
import { wasm } from './wasm.ts';

/**
 * Sets the tensor backend: the one asked for, or the fastest that there is.
 *
 * @throws SdqError `unavailable` when the backend that was asked for cannot run here
 */
export async function selectBackend(name: string | undefined, reporter: Reporter): Promise<KernelBackend> {
  const asked = KERNEL_BACKENDS.find((backend) => backend.name === name);
  if (name !== undefined && !asked) throw unknownName('backend', name, BACKENDS);
  // Production mode leaves out tfjs's banner and its checks of every tensor.
  tf.enableProdMode();
  try {
    const backend = asked ?? sdqCpu;
    await backend.activate(reporter);
    return backend;
  } catch (error) {
    if (asked || !(error instanceof SdqError && error.code === 'unavailable')) throw error;
    reporter.message(
      `${error.message} Until then the wasm backend of TensorFlow.js runs instead: one thread, about 15 times slower.`,
    );
  }
  await wasm.activate(reporter);
  return wasm;
}

import { registerHostKernels } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { FiniteTensors } from './finite-tensors.ts';
import { cudaHostKernels } from './host-kernels.ts';
import { Operators } from './operators.ts';
import { sdqKernels } from './sdq-kernels.ts';

/** The kernels behind the ops of @sdq/kernels on a backend, which can be taken away to compose the ops of tfjs's. */
export class FusedKernels {
  private readonly operators: Operators;
  private readonly finite: FiniteTensors;
  private on = false;

  constructor(
    private readonly backendName: string,
    backend: NodeJSKernelBackend,
  ) {
    this.operators = new Operators(backend);
    this.finite = new FiniteTensors(this.operators);
  }

  use(on: boolean): void {
    if (on === this.on) return;
    this.on = on;
    const { backendName, operators, finite } = this;
    for (const [kernelName, kernel] of Object.entries(sdqKernels(operators, finite))) {
      if (on) {
        tf.registerKernel({
          kernelName,
          backendName,
          kernelFunc: ({ inputs, attrs }) =>
            kernel(inputs as Record<string, tf.TensorInfo>, (attrs ?? {}) as Record<string, unknown>),
        });
      } else tf.unregisterKernel(kernelName, backendName);
    }
    registerHostKernels(backendName, on ? cudaHostKernels(operators, finite) : undefined);
  }
}

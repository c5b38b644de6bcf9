import * as tf from '@tensorflow/tfjs';

/** The attributes of an sdq kernel: numbers, strings and integer arrays that are no tensors. */
export type KernelAttributes = Readonly<Record<string, number | string | Int32Array | undefined>>;

/** Whether the current backend brings its own kernel `name`; if not, the op is composed of stock ops. */
export function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** Runs a kernel of the current backend that gives one tensor. */
export function runKernel(name: string, inputs: tf.NamedTensorMap, attributes: KernelAttributes): tf.Tensor {
  return tf.engine().runKernel<tf.Tensor>(name, inputs, attributes as unknown as tf.NamedAttrMap);
}

/** Runs a kernel of the current backend that gives several tensors. */
export function runKernels(
  name: string,
  inputs: tf.NamedTensorMap,
  attributes: KernelAttributes,
): tf.Tensor[] {
  return tf.engine().runKernel<tf.Tensor[]>(name, inputs, attributes as unknown as tf.NamedAttrMap);
}

/** The gradient of a kernel: a function per input, which runs only if something asks for it. */
export interface KernelGradient {
  readonly inputsToSave?: string[];
  readonly outputsToSave?: boolean[];
  gradient(
    dy: tf.Tensor[],
    saved: tf.Tensor[],
    attributes: KernelAttributes,
  ): Record<string, () => tf.Tensor>;
}

/** Registers the gradient of a kernel, once for all backends. */
export function registerKernelGradient(name: string, config: KernelGradient): void {
  if (tf.getGradient(name) !== undefined) return;
  tf.registerGradient({
    kernelName: name,
    ...(config.inputsToSave && { inputsToSave: config.inputsToSave }),
    ...(config.outputsToSave && { outputsToSave: config.outputsToSave }),
    gradFunc: (dy, saved, attributes) =>
      config.gradient(Array.isArray(dy) ? dy : [dy], saved, attributes as unknown as KernelAttributes),
  });
}

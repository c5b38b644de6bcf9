import { SdqError } from '@sdq/core';
import { registerHostKernels } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { BACKEND, SdqWebGpuBackend } from './backend.ts';
import { webGpuHostKernels } from './host-kernels.ts';
import { gpuHost } from './node-gpu.ts';
import { registerSdqKernels } from './sdq-kernels.ts';

/** What {@link useWebGpu} runs on. */
export interface WebGpuInfo {
  /** As the adapter calls itself, such as 'nvidia ampere' or 'google swiftshader'. */
  readonly adapter: string;
  /** Whether it is a program on the CPU, such as SwiftShader. */
  readonly software: boolean;
  /** Whether the shader language has packed 8-bit dot products; without them the same integers take longer. */
  readonly packedDotProducts: boolean;
}

let current: Promise<WebGpuInfo> | undefined;

/**
 * Registers the tfjs backend `sdq-webgpu`, which is tfjs's WebGPU backend with the kernels of @sdq/kernels in WGSL, and makes
 * it the current one. Browsers bring WebGPU; in Node the npm package `webgpu` does.
 *
 * @throws SdqError 'unavailable' when there is no WebGPU, no adapter or no device, with what to do
 *
 * @example
 * ```ts
 * import { useWebGpu } from '@sdq/kernels-webgpu';
 *
 * const start = async () => (await useWebGpu()).adapter;
 * ```
 */
export async function useWebGpu(): Promise<WebGpuInfo> {
  current ??= register();
  try {
    const info = await current;
    await tf.setBackend(BACKEND);
    return info;
  } catch (error) {
    current = undefined;
    throw error;
  }
}

async function register(): Promise<WebGpuInfo> {
  const host = await gpuHost();
  const adapter = await host.start(() => host.gpu.requestAdapter({ powerPreference: 'high-performance' }));
  if (!adapter) {
    throw new SdqError(
      'unavailable',
      'WebGPU finds no adapter: install a driver for the graphics card, with the Vulkan loader on Linux, or let VK_ICD_FILENAMES name the ICD file of a software Vulkan.',
    );
  }
  const { limits } = adapter;
  const { vendor, architecture } = adapter.info;
  const name = [vendor, architecture].filter((part) => part !== '').join(' ') || 'unnamed';
  const device = await host
    .start(() =>
      adapter.requestDevice({
        requiredFeatures: OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature)),
        requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, limits[limit]])),
      }),
    )
    .catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
      throw new SdqError(
        'unavailable',
        `The WebGPU adapter (${name}) gives no device (${reason}): update its driver, or use another backend.`,
        { cause },
      );
    });
  const backend = asSeenByTfjs(host.gpu, () => new SdqWebGpuBackend(host, device, adapter.info));
  tf.copyRegisteredKernels('webgpu', BACKEND);
  registerSdqKernels(backend);
  registerHostKernels(BACKEND, webGpuHostKernels(backend));
  tf.registerBackend(BACKEND, () => backend);
  return {
    adapter: name,
    software: architecture === 'swiftshader' || vendor === 'mesa',
    packedDotProducts: backend.packedDotProducts,
  };
}

// As tfjs asks for; all else stays at WebGPU's defaults.
const OPTIONAL_FEATURES = ['timestamp-query', 'bgra8unorm-storage'] as const;
const LIMITS = [
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
] as const;

/** tfjs's constructor asks `navigator.gpu` whether there is WebGPU; Node has none, and keeps none. */
function asSeenByTfjs<T>(gpu: GPU, make: () => T): T {
  const scope = globalThis as { navigator?: object };
  if (scope.navigator && 'gpu' in scope.navigator) return make();
  const before = Object.getOwnPropertyDescriptor(scope, 'navigator');
  Object.defineProperty(scope, 'navigator', { value: { gpu }, configurable: true });
  try {
    return make();
  } finally {
    if (before) Object.defineProperty(scope, 'navigator', before);
    else delete scope.navigator;
  }
}

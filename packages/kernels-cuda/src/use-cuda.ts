import { createRequire } from 'node:module';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import type { TFJSBinding } from '@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js';
import { BINDING_FILE, findBuild } from './build-folder.ts';
import { FusedKernels } from './fused-kernels.ts';
import type { Build } from './wheels.ts';

/** The name that tfjs-node's kernels are registered under; they look for no other. */
const BACKEND = 'tensorflow';

/** What {@link useCuda} runs on. */
export interface CudaInfo {
  readonly build: Build;
  /** `cpu` with a `cuda` build where TensorFlow finds no card that it can use. */
  readonly device: 'cpu' | 'gpu';
  /** TensorFlow's version. */
  readonly version: string;
}

/** How {@link useCuda} runs. */
export interface CudaOptions {
  /** Where builds are kept; `$XDG_CACHE_HOME/sdq/tensorflow` unless given. */
  readonly cacheDir?: string | undefined;
  /** Composes the ops of `@sdq/kernels` of tfjs's, without kernels of their own: what speed is measured against. */
  readonly composed?: boolean | undefined;
}

let current: { readonly info: CudaInfo; readonly fused: FusedKernels } | undefined;

/**
 * Registers tfjs's TensorFlow backend on the binding that {@link setUpCuda} built, under tfjs-node's name
 * `tensorflow`, with kernels for the ops of `@sdq/kernels`, and makes it the current one. It runs on an NVIDIA card if there
 * is one, else on the CPU.
 *
 * TensorFlow's own variables apply; two are set unless the user did: `TF_CPP_MIN_LOG_LEVEL` to 3 (errors only), and
 * `TF_FORCE_GPU_ALLOW_GROWTH` to true (no more of a card's memory than is needed).
 *
 * @throws SdqError 'unavailable' when no binding is set up or it does not load, with what to do
 *
 * @example
 * ```ts
 * import { useCuda } from '@sdq/kernels-cuda';
 *
 * const start = async () => (await useCuda()).device;
 * ```
 */
export async function useCuda({ cacheDir, composed = false }: CudaOptions = {}): Promise<CudaInfo> {
  current ??= await register(cacheDir);
  current.fused.use(!composed);
  await tf.setBackend(BACKEND);
  return current.info;
}

/**
 * Which build {@link useCuda} would load, if one is set up, and where it lies.
 *
 * @example
 * ```ts
 * import { cudaSetup } from '@sdq/kernels-cuda';
 *
 * const there = cudaSetup() !== undefined;
 * ```
 */
export function cudaSetup(cacheDir?: string): { build: Build; folder: string } | undefined {
  return findBuild(cacheDir);
}

async function register(
  cacheDir: string | undefined,
): Promise<{ readonly info: CudaInfo; readonly fused: FusedKernels }> {
  const found = findBuild(cacheDir);
  if (!found) {
    throw new SdqError(
      'unavailable',
      'TensorFlow is not set up: run "sdq gpu setup" (3.4 GB), or "sdq gpu setup --cpu" (0.3 GB) where there is no NVIDIA card.',
    );
  }
  const binding = loadBinding(join(found.folder, BINDING_FILE));
  restoreUtil();
  const { NodeJSKernelBackend } = await import('./tfjs-node.ts');
  const backend = new NodeJSKernelBackend(withTypedErrors(binding), '@tensorflow/tfjs-node-gpu');
  tf.registerBackend(BACKEND, () => backend);
  return {
    info: {
      build: found.build,
      device: binding.isUsingGpuDevice() ? 'gpu' : 'cpu',
      version: binding.TF_Version,
    },
    fused: new FusedKernels(BACKEND, backend),
  };
}

function loadBinding(path: string): TFJSBinding {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  try {
    return createRequire(import.meta.url)(path) as TFJSBinding;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new SdqError(
      'unavailable',
      `The TensorFlow binding does not load (${reason}): run "sdq gpu remove" and then "sdq gpu setup".`,
      { cause },
    );
  }
}

/** tfjs-node calls functions of node:util that Node 23 took away. */
function restoreUtil(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

/** The binding with an error that says what to do when an operation finds no memory. */
export function withTypedErrors(binding: TFJSBinding): TFJSBinding {
  return Object.create(binding, {
    executeOp: {
      value: (...args: Parameters<TFJSBinding['executeOp']>) => {
        try {
          return binding.executeOp(...args);
        } catch (cause) {
          if (!(cause instanceof Error && /\bOOM\b|out of memory|failed to allocate/i.test(cause.message)))
            throw cause;
          throw new SdqError(
            'unavailable',
            `TensorFlow is out of memory in ${args[0]}: lower --tokens-per-batch, or run on --backend sdq-cpu.`,
            { cause },
          );
        }
      },
    },
  }) as TFJSBinding;
}

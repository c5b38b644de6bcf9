import type { KernelBackend } from '@sdq/core';
import { cuda } from './cuda.ts';
import { sdqCpu } from './sdq-cpu.ts';
import { wasm } from './wasm.ts';
import { webgpu } from './webgpu.ts';

/** The backends that commands can run on; what they need is loaded when they are asked. */
export const KERNEL_BACKENDS: readonly KernelBackend[] = [sdqCpu, cuda, webgpu, wasm];

/** Their names, as `--backend` takes them. */
export const BACKENDS: readonly string[] = KERNEL_BACKENDS.map(({ name }) => name);

export { loadCuda } from './cuda.ts';
export { BACKENDS, KERNEL_BACKENDS } from './kernel-backends.ts';
export { loadModel } from './load-model.ts';
export { NO_MODEL_YET } from './no-model-yet.ts';
export { selectBackend } from './select-backend.ts';
export { webGpuProbeCommand } from './webgpu-probe.ts';

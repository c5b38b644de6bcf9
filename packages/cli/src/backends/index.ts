export { selectBackend } from './backend.ts';
export { BACKENDS } from './backends.ts';
export { loadModel } from './load-model.ts';
export { NO_MODEL_YET } from './no-model-yet.ts';
export { probeWebGpu, webGpuProbeCommand } from './webgpu-probe.ts';

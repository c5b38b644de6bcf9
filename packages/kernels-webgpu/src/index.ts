export { useWebGpu, type WebGpuInfo } from './use-webgpu.ts';

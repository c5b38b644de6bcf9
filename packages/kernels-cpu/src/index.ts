export type { SdqCpuInfo } from './addon.ts';
export { IntegerModel, type SharedIntegerModel } from './integer-model.ts';
export { sdqCpuInfo, sdqCpuPeaks, useSdqCpu } from './use-sdq-cpu.ts';

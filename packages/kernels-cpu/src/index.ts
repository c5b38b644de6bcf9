export type { SdqCpuInfo } from './addon.ts';
export { sdqCpuInfo, useSdqCpu } from './use-sdq-cpu.ts';

export { removeCuda, type SetupOptions, setUpCuda } from './set-up-cuda.ts';
export { type CudaInfo, type CudaOptions, cudaSetup, useCuda } from './use-cuda.ts';
export type { Build, Wheel } from './wheels.ts';

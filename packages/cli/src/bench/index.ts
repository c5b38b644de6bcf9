export { type KernelProfile, profileIntegers, profileRun, type RunProfile } from './kernel-profile.ts';

export {
  cachedDefaultCheckpoint,
  type FetchOptions,
  fetchDefaultCheckpoint,
  type PackageMember,
} from './fetch-checkpoint.ts';

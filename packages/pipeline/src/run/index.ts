export { isRunFinished, type KnownHashes } from './finished-run.ts';
export { FolderLock } from './folder-lock.ts';
export { type RunEnvironment, run } from './run.ts';

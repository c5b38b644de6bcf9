export { isRunFinished, type KnownHashes } from './finished-run.ts';
export { run } from './run.ts';

export { type RunProcess, startRun, wasInterrupted } from './run-process.ts';

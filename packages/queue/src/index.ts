export { type Failure, QueuedSweep } from './queued-sweep.ts';
export { type RunEnd, type StartedRun, serveQueue, type WorkerOptions } from './worker.ts';

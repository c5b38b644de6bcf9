export { QueuedSweep } from './queued-sweep.ts';
export { PREFIX, QUEUE, type QueuedRun, reachRedis, readQueuedRun } from './run-queue.ts';
export { requireSweepFolder } from './sweep-id.ts';
export {
  type Failure,
  jobsFolder,
  type RunProcess,
  runLog,
  runName,
  sharedFolder,
  startRun,
  wasInterrupted,
} from './sweep-run.ts';

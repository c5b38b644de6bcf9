export { jobsFolder, runLog, runName, sharedFolder } from './run-folders.ts';
export { type Sweep, type SweepJob, sweepJobs } from './sweep.ts';
export { requireSweepFolder, sweepId } from './sweep-id.ts';
export { sweepTests } from './sweep-tests.ts';

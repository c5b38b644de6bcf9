export { type Sweep, type SweepJob, sweepJobs } from './sweep.ts';
export { sweepTests } from './sweep-tests.ts';

export { type Sweep, type SweepJob, type SweepRun, sweepJobs } from './sweep.ts';
export { runsByTask } from './sweep-groups.ts';
export { sweepLanguages, sweepTable } from './sweep-table.ts';
export { sweepTests } from './sweep-tests.ts';

export { calibrate, postTrainerFor } from './calibration.ts';
export { Lazy } from './lazy.ts';
export { quantizingStage } from './quantizing-stage.ts';
export type {
  RunContext,
  RunEnvironment,
  RunSettings,
  RunStage,
} from './run-context.ts';
export { planFor, TEACHER, teacherOrStart, teacherStage } from './teacher-stage.ts';
export { writeResults } from './write-results.ts';

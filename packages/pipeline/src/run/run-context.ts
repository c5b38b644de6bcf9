import { modelHash } from '@sdq/models';
import {
  calibrate,
  Lazy,
  planFor,
  postTrainerFor,
  type RunContext,
  type RunSettings,
  TEACHER,
  teacherOrStart,
} from '../stages/index.ts';

/** What the stages of a run share; models and what is computed from them are made when a stage asks for them. */
export function runContext(settings: RunSettings): RunContext {
  const { folder } = settings;
  const teacher = new Lazy(() => teacherOrStart(settings));
  const postTrainer = new Lazy(async () => postTrainerFor(settings, await teacher.get()));
  return {
    ...settings,
    teacher,
    teacherHash: new Lazy(() => modelHash(folder.file(TEACHER))),
    plan: new Lazy(async () => planFor(settings, await teacher.get())),
    postTrainer,
    calibration: new Lazy(async () => calibrate(settings, await postTrainer.get())),
  };
}

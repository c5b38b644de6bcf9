import { trainModel } from './train-model.ts';
import type { StudentTraining } from './trained-stage.ts';

/** All weights of the plan are rounded in each step (QAT, SDQ). */
export const bySteps: StudentTraining = {
  rules: (plan) => plan,
  train: (teacher, training) => trainModel(teacher, training),
};

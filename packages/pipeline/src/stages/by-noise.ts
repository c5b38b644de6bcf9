import { bySteps } from './by-steps.ts';
import type { StudentTraining } from './trained-stage.ts';

/** Random blocks of the weights are rounded in each step (Quant-Noise). */
export const byNoise: StudentTraining = { ...bySteps, noise: ({ noise }) => noise };

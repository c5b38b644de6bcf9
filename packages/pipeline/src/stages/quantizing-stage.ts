import { METHODS } from '@sdq/core/results';
import { byNoise } from './by-noise.ts';
import { byProducts } from './by-products.ts';
import { bySteps } from './by-steps.ts';
import { ptqStage } from './ptq-stage.ts';
import type { RunStage } from './run-context.ts';
import { type StudentTraining, trainedStage } from './trained-stage.ts';

const KINDS: Readonly<Record<string, StudentTraining>> = {
  steps: bySteps,
  noise: byNoise,
  products: byProducts,
};

/** The stage of that name that quantizes the teacher: by a method that trains, or else by a recipe of PTQ. */
export function quantizingStage(name: string): RunStage {
  const method = METHODS.find(({ key }) => key === name);
  const kind = method && KINDS[method.weights];
  return kind ? trainedStage(method, kind) : ptqStage(name);
}

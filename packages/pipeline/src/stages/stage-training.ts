import type { TrainingRecipe } from '@sdq/trainer';
import type { RunSettings } from './run-context.ts';
import type { ModelStep, StageTraining } from './train-model.ts';

/** How a stage of a run, which has begun, trains. */
export function stageTraining(
  { config, dataset, reporter, folder, environment }: RunSettings,
  stage: string,
  recipe: TrainingRecipe,
  step: ModelStep,
): StageTraining {
  const { seed, trainEmbeddings } = config;
  const { signal, checkpointSteps: everySteps } = environment;
  const { hashes, options } = folder.interrupted(stage)!;
  const checkpoints = { folder: folder.checkpoints(stage), everySteps };
  const identity = { hashes, options };
  return { stage, step, recipe, dataset, seed, trainEmbeddings, identity, reporter, checkpoints, signal };
}

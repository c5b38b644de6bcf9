export { layerRates } from './layer-decay.ts';
export { type CompactedRows, compactRows } from './row-compaction.ts';
export { warmupCosine, warmupLinear } from './schedule.ts';
export type { Prepared, StepContext, StepFigures, StepLoss, StepRequest } from './step-runner.ts';
export { tensorBoardReporter } from './tensorboard.ts';
export {
  type CheckpointOptions,
  type TrainingRequest,
  type TrainingState,
  type TrainingSummary,
  train,
} from './trainer.ts';
export { TRAINING_DEFAULTS, type TrainingRecipe, trainingRecipe } from './training-recipe.ts';

import type { Reporter, Taps } from '@sdq/core';
import type { Batch } from './batches.ts';
import type { Dataset } from './dataset.ts';
import { type EncoderModel, trainableCopies, WORD_EMBEDDINGS } from './encoder-model.ts';
import { scoreLanguages } from './evaluate-language.ts';
import type { Classifier } from './predict.ts';
import type { StepContext, StepLoss } from './step-runner.ts';
import { type CheckpointOptions, type TrainingState, type TrainingSummary, train } from './trainer.ts';
import type { TrainingRecipe } from './training-recipe.ts';

/** What a step of training a model computes. */
export interface ModelStep {
  /** What the teacher shows for a batch, taken outside of the gradient's tape. */
  readonly prepare?: ((batch: Batch) => Taps) | undefined;
  readonly loss: (student: EncoderModel, batch: Batch, context: StepContext) => StepLoss;
  /** How the model classifies when it is scored on English dev. */
  readonly classifier: (student: EncoderModel) => Classifier;
  /** What the loss keeps from step to step. */
  readonly state?: TrainingState | undefined;
}

/** One stage of training of a model. */
export interface ModelTraining {
  readonly stage: string;
  /** Copies of its parameters are trained; itself stays as it is. */
  readonly start: EncoderModel;
  readonly step: ModelStep;
  readonly recipe: TrainingRecipe;
  readonly dataset: Dataset;
  readonly seed: number;
  readonly trainEmbeddings: boolean;
  readonly reporter: Reporter;
  readonly checkpoints?: CheckpointOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Trains copies of a model's parameters and gives the model that has them. */
export async function trainModel(
  training: ModelTraining,
): Promise<{ model: EncoderModel; training: TrainingSummary }> {
  const { start, step, recipe, dataset, trainEmbeddings } = training;
  const variables = trainableCopies(start, (name) => trainEmbeddings || name !== WORD_EMBEDDINGS);
  const model: EncoderModel = { ...start, parameters: new Map([...start.parameters, ...variables]) };
  const student: EncoderModel = {
    ...model,
    config: { ...start.config, hiddenDropout: recipe.dropout, classifierDropout: recipe.dropout },
  };
  const classify = step.classifier(student);
  const summary = await train({
    stage: training.stage,
    examples: dataset.train,
    variables,
    recipe,
    seed: training.seed,
    reporter: training.reporter,
    checkpoints: training.checkpoints,
    signal: training.signal,
    state: step.state,
    sparse: trainEmbeddings ? WORD_EMBEDDINGS : undefined,
    prepare: step.prepare,
    loss: (batch, context) => {
      const { rows } = context;
      const parameters = rows
        ? new Map([...student.parameters, [WORD_EMBEDDINGS, rows]])
        : student.parameters;
      return step.loss({ ...student, parameters }, batch, context);
    },
    evaluate: dataset.dev.has('en')
      ? async () => (await scoreLanguages(classify, dataset, ['en'])).en!
      : undefined,
  });
  return { model, training: summary };
}

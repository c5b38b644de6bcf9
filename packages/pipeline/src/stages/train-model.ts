import type { Reporter, Taps } from '@sdq/core';
import { disposeTaps, keptTaps } from '@sdq/distillation';
import {
  type Batch,
  type Classifier,
  type EncoderConfig,
  type EncoderModel,
  familyOf,
  trainableCopies,
  wordTable,
} from '@sdq/models';
import {
  type CheckpointOptions,
  type Prepared,
  type StepContext,
  type StepLoss,
  type TrainingRecipe,
  type TrainingState,
  type TrainingSummary,
  train,
} from '@sdq/trainer';
import * as tf from '@tensorflow/tfjs';
import type { Dataset } from '../data/index.ts';
import { scoreLanguages } from '../evaluation/index.ts';

/** What a step of training a model computes. */
export interface ModelStep {
  /** What the teacher shows for a batch, taken outside of the gradient's tape. */
  readonly prepare?: ((batch: Batch) => Taps) | undefined;
  readonly loss: (student: EncoderModel, batch: Batch, context: StepContext<Taps>) => StepLoss;
  /** Whether the loss needs all rows of the word embeddings, though a batch names few. */
  readonly wholeTable?: ((config: EncoderConfig) => boolean) | undefined;
  /** How the model classifies when it is scored on English dev. */
  readonly classifier: (student: EncoderModel) => Classifier;
  /** What the loss keeps from step to step. */
  readonly state?: TrainingState | undefined;
}

/** How a stage of training a model runs. */
export interface StageTraining {
  readonly stage: string;
  readonly step: ModelStep;
  readonly recipe: TrainingRecipe;
  readonly dataset: Dataset;
  readonly seed: number;
  readonly trainEmbeddings: boolean;
  /** What else decides the result: the losses, the plan, the teacher; a checkpoint of another one is refused. */
  readonly identity?: unknown;
  readonly reporter: Reporter;
  readonly checkpoints?: CheckpointOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Trains copies of a model's parameters and gives the model that has them; `start` itself stays as it is. */
export async function trainModel(
  start: EncoderModel,
  training: StageTraining,
): Promise<{ model: EncoderModel; training: TrainingSummary }> {
  const variables = trainableCopies(start, trains(start, training));
  const model: EncoderModel = { ...start, parameters: new Map([...start.parameters, ...variables]) };
  return { model, training: await trainVariables(model, variables, training) };
}

/** Which parameters a stage trains, by name. */
export function trains(
  { config }: Pick<EncoderModel, 'config'>,
  { trainEmbeddings }: Pick<StageTraining, 'trainEmbeddings'>,
) {
  const table = wordTable(config);
  return (name: string) => trainEmbeddings || name !== table;
}

/**
 * Trains variables that a model is made of.
 *
 * @param derived - parameters that are computed from variables, by name: anew in each step, so that gradients pass
 */
export async function trainVariables(
  model: EncoderModel,
  variables: ReadonlyMap<string, tf.Variable>,
  { stage, step, recipe, dataset, trainEmbeddings, ...common }: StageTraining,
  derived: () => Record<string, tf.Tensor> = () => ({}),
): Promise<TrainingSummary> {
  const { dropout } = recipe;
  const config = { ...model.config, hiddenDropout: dropout, classifierDropout: dropout };
  const student = (computed: Record<string, tf.Tensor>): EncoderModel => ({
    ...model,
    config,
    parameters: new Map([...model.parameters, ...Object.entries(computed)]),
  });
  const table = wordTable(config);
  const byRows =
    trainEmbeddings && !step.wholeTable?.(config) && variables.get(table) === model.parameters.get(table);
  return train({
    ...common,
    stage,
    examples: dataset.train,
    variables,
    roleOf: familyOf(config.family).roleOf,
    recipe,
    state: step.state,
    sparse: byRows ? table : undefined,
    prepare: step.prepare && preparedTaps(step.prepare),
    loss: (batch, context) => {
      const rows = context.rows && { [table]: context.rows };
      return step.loss(student({ ...derived(), ...rows }), batch, context);
    },
    evaluate: dataset.dev.has('en')
      ? async () => {
          const computed = tf.tidy(derived);
          const classify = step.classifier(student(computed));
          const scores = await scoreLanguages(classify, dataset, ['en']);
          tf.dispose(computed);
          return scores.en!;
        }
      : undefined,
  });
}

/** What the teacher shows for a batch, held until the batch is done. */
function preparedTaps(show: (batch: Batch) => Taps): (batch: Batch) => Prepared<Taps> {
  return (batch) => {
    const value = keptTaps(() => show(batch));
    return { value, dispose: () => disposeTaps(value) };
  };
}

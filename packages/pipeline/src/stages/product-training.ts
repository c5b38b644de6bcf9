import { join } from 'node:path';
import type { QuantizedRows, RoleOf, Site } from '@sdq/core';
import { type EncoderModel, familyOf, trainableCopies } from '@sdq/models';
import {
  dequantizeRows,
  iterativeProductQuantize,
  matchesSite,
  PQ_STAGES,
  type PqStage,
  type PqState,
  productRows,
  type ResolvedPlan,
} from '@sdq/quantizers';
import type { TrainingSummary } from '@sdq/trainer';
import * as tf from '@tensorflow/tfjs';
import type { RunConfig } from '../config/index.ts';
import { type StageTraining, trains, trainVariables } from './train-model.ts';

/** A student whose layers and word embeddings were product-quantized. */
export interface ProductTrained {
  /** The trained model in floats: the product-quantized weights as their integers have them. */
  readonly model: EncoderModel;
  /** The product-quantized weights, by parameter name. */
  readonly rows: ReadonlyMap<string, QuantizedRows>;
  readonly training: TrainingSummary;
}

/** What a plan says beside product quantization: of the weights that this takes, only their inputs. */
export function planBesideProducts(plan: ResolvedPlan, roleOf: RoleOf): ResolvedPlan {
  const taken = (site: Site) =>
    PQ_STAGES.some(({ match }) => match.some((pattern) => matchesSite(pattern, site, roleOf)));
  return new Map(
    [...plan].map(([site, { weight, ...rule }]) => [
      site,
      weight && !taken(site) ? { ...rule, weight } : rule,
    ]),
  );
}

/**
 * Iterative product quantization: feed-forward layers, then word embeddings, then attention become codebooks, and after
 * each group the centroids so far and all that is still float are trained for the recipe's epochs. With SDQ's loss as the
 * step this is iterative product distilled quantization.
 *
 * The share of the steps in which ranges follow the batches, and schedules of distillation weights, count over the steps of
 * all groups; the learning rate rises and falls in each. Centroids of frozen word embeddings stay as k-means found them. An interrupted training goes on in the group that it
 * was in. Source: Stock et al. 2020, "And the Bit Goes Down", section 3.3; O'Neill and Dutta 2023, section 4.
 *
 * @param products - a weight of fewer blocks than centroids gets one for each
 * @param training - its stage and checkpoints get the name of the group behind their own
 * @throws SdqError `bad-option` when the blocks do not divide a weight; as `train`
 */
export async function trainProducts(
  start: EncoderModel,
  { blockSize, centroids }: RunConfig['products'],
  training: StageTraining,
): Promise<ProductTrained> {
  const variables = trainableCopies(start, trains(start, training));
  const model: EncoderModel = { ...start, parameters: new Map([...start.parameters, ...variables]) };
  const summary = { steps: 0, tokens: 0, seconds: 0 };
  const { weights } = await iterativeProductQuantize(model.parameters, {
    roleOf: familyOf(model.config.family).roleOf,
    options: (_, [rows, columns]) => ({
      blockSize,
      centroids: Math.min(centroids, Math.floor((rows * columns) / blockSize)),
    }),
    tune: async (group, state) => {
      const { steps, tokens, seconds } = await tune(model, variables, group, state, training);
      summary.steps += steps;
      summary.tokens += tokens;
      summary.seconds += seconds;
    },
  });
  const rows = new Map([...weights].map(([name, product]) => [name, productRows(product)]));
  const parameters = new Map(model.parameters);
  for (const [name, integers] of rows) {
    variables.get(name)?.dispose();
    parameters.set(name, dequantizeRows(integers));
  }
  return { model: { ...model, parameters }, rows, training: summary };
}

/** Trains the centroids that there are, and the variables that are still float. */
async function tune(
  model: EncoderModel,
  floats: ReadonlyMap<string, tf.Variable>,
  { name: group }: PqStage,
  state: PqState,
  training: StageTraining,
): Promise<TrainingSummary> {
  const quantized = [...state.centroids.keys()];
  const trained = quantized.filter(trains(model, training));
  const fixed = quantized
    .filter((name) => !trained.includes(name))
    .map((name) => [name, state.parameter(name)] as const);
  const variables = new Map(
    [...floats].map(([name, variable]) => [name, state.centroids.get(name) ?? variable] as const),
  );
  const { stage, checkpoints, step } = training;
  const index = PQ_STAGES.findIndex(({ name }) => name === group);
  try {
    return await trainVariables(
      { ...model, parameters: new Map([...model.parameters, ...fixed]) },
      variables,
      {
        ...training,
        stage: `${stage} ${group}`,
        step: {
          ...step,
          // Shares of the training count over all groups.
          loss: (student, batch, context) =>
            step.loss(student, batch, {
              ...context,
              step: index * context.totalSteps + context.step,
              totalSteps: PQ_STAGES.length * context.totalSteps,
            }),
        },
        checkpoints: checkpoints && { ...checkpoints, folder: join(checkpoints.folder, group) },
      },
      () => Object.fromEntries(trained.map((name) => [name, state.parameter(name)])),
    );
  } finally {
    tf.dispose(fixed.map(([, tensor]) => tensor));
  }
}

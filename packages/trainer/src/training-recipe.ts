import { z } from 'zod';

/** The checks of a {@link TrainingRecipe}. */
export const trainingRecipe = z.strictObject({
  epochs: z.int().min(1).max(1000),
  /** The largest learning rate, reached after the warm-up. */
  learningRate: z.number().positive().max(1),
  /** The share of all steps in which the learning rate rises, in [0, 1). */
  warmupShare: z.number().min(0).lt(1),
  /** How the learning rate falls to zero after the warm-up. */
  decay: z.enum(['linear', 'cosine']),
  /** The learning rate of a layer is that of the layer above times this, in (0, 1]. */
  layerDecay: z.number().positive().max(1),
  /** Decoupled weight decay of matrices; biases and LayerNorm have none. */
  weightDecay: z.number().min(0).max(1),
  /** The largest global norm of the gradients. */
  clipNorm: z.number().positive(),
  tokensPerBatch: z.int().min(16).max(1_000_000),
  /** Batches whose gradients make one step, as their mean. */
  accumulate: z.int().min(1).max(1024),
  /** The share of activations that dropout zeroes, in [0, 1). */
  dropout: z.number().min(0).lt(1),
  /** What the moving average of the weights keeps in each step, in [0, 1); at 0 the weights are used themselves. */
  emaDecay: z.number().min(0).lt(1),
  /** How often English dev is scored in an epoch. */
  evaluationsPerEpoch: z.int().min(1).max(1000),
  /** Which weights are used in the end: the last, or the best on English dev. */
  keep: z.enum(['last', 'best']),
  /** Training stops after so many scores on English dev without a new best; at 0 never. */
  patience: z.int().min(0),
});

/** How one stage of training runs. */
export type TrainingRecipe = Readonly<z.infer<typeof trainingRecipe>>;

/** What every stage does unless it is told otherwise. */
export const TRAINING_DEFAULTS = {
  warmupShare: 0.1,
  decay: 'linear',
  layerDecay: 1,
  weightDecay: 0.01,
  clipNorm: 1,
  tokensPerBatch: 1024,
  accumulate: 1,
  emaDecay: 0,
  evaluationsPerEpoch: 1,
  keep: 'last',
  patience: 0,
} as const satisfies Partial<TrainingRecipe>;

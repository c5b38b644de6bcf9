import type { Random } from '@sdq/core';
import { groupByTokens } from '@sdq/models';
import type { TrainingRecipe } from './training-recipe.ts';

/** One step of training. */
export interface TrainingStep {
  /** The examples of each of its batches. */
  readonly batches: readonly (readonly number[])[];
  /** How many batches the steps before it have. */
  readonly batchesBefore: number;
  /** Whether English dev is scored after it. */
  readonly evaluates: boolean;
}

/**
 * All steps of a stage: each epoch goes through the examples in an order of its own, in batches by token budget.
 *
 * @param lengths - tokens of each example
 */
export function planSteps(
  lengths: readonly number[],
  recipe: Pick<TrainingRecipe, 'epochs' | 'tokensPerBatch' | 'accumulate' | 'evaluationsPerEpoch'>,
  random: Random,
): TrainingStep[] {
  const steps: TrainingStep[] = [];
  let batchesBefore = 0;
  for (let epoch = 0; epoch < recipe.epochs; epoch++) {
    const groups = groupByTokens(lengths, recipe.tokensPerBatch, random.fork(`epoch ${epoch}`));
    const inEpoch = Math.ceil(groups.length / recipe.accumulate);
    for (let i = 0; i < inEpoch; i++) {
      const batches = groups.slice(i * recipe.accumulate, (i + 1) * recipe.accumulate);
      const evaluations = (steps: number) => Math.floor((steps * recipe.evaluationsPerEpoch) / inEpoch);
      steps.push({ batches, batchesBefore, evaluates: evaluations(i + 1) > evaluations(i) });
      batchesBefore += batches.length;
    }
  }
  return steps;
}

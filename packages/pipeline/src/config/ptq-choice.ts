import { type PtqChoice, ptqRecipe } from '@sdq/core/results';
import { parsePtqRecipe } from './ptq-recipe.ts';

/** What a finished stage tells of the version that it made. */
interface Measured {
  /** Of a recipe: the mean squared difference of logits on held-out training text. */
  readonly distance?: number | undefined;
}

/** The best PTQ version among finished stages; undefined without one. */
export function ptqChoice(stages: Readonly<Record<string, Measured>>): PtqChoice | undefined {
  const distances = distancesOf(stages);
  const best = closest(distances);
  return best === undefined ? undefined : { best, distances };
}

/** The PTQ version that a run saves where it trains no student: the best of those that a file can hold. */
export function savedPtq(stages: Readonly<Record<string, Measured>>): string | undefined {
  const saved = Object.entries(distancesOf(stages)).filter(([version]) => canBeSaved(ptqRecipe(version)!));
  return closest(Object.fromEntries(saved));
}

/** SmoothQuant divides the inputs of a post-LN encoder as the model runs, which a saved model cannot say. */
export function canBeSaved(recipe: string): boolean {
  return !parsePtqRecipe(recipe).smoothQuant;
}

function distancesOf(stages: Readonly<Record<string, Measured>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(stages).flatMap(([stage, { distance }]) =>
      ptqRecipe(stage) !== undefined && distance !== undefined ? [[stage, distance]] : [],
    ),
  );
}

/** The first of the smallest. */
function closest(distances: Readonly<Record<string, number>>): string | undefined {
  return Object.keys(distances).reduce<string | undefined>(
    (best, version) => (best === undefined || distances[version]! < distances[best]! ? version : best),
    undefined,
  );
}

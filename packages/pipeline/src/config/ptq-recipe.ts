import { SdqError } from '@sdq/core';
import { isStatic, type ObserverName, type Plan, type PostTrainingOptions } from '@sdq/quantizers';
import { nearestName } from './nearest-name.ts';

/** How a model is quantized after training: what each part of {@link parsePtqRecipe}'s text says. */
export interface PtqRecipe {
  /** What finds the calibrated ranges of inputs; `dynamic` makes a grid for each token as the model runs. */
  readonly inputs: ObserverName | 'dynamic';
  readonly rounding: 'nearest' | 'gptq' | 'adaround';
  /** Whether SmoothQuant goes first, with the alpha that a search finds for each input. */
  readonly smoothQuant: boolean;
  /** Whether biases make up for the mean error at the end. */
  readonly biasCorrection: boolean;
}

type Part = keyof PtqRecipe;

const PLAIN: PtqRecipe = {
  inputs: 'min-max',
  rounding: 'nearest',
  smoothQuant: false,
  biasCorrection: false,
};

/** What a word of a recipe sets, in the order of a canonical name. */
const WORDS: ReadonlyMap<string, readonly [part: Part, value: PtqRecipe[Part]]> = new Map([
  ['smoothquant', ['smoothQuant', true]],
  ['min-max', ['inputs', 'min-max']],
  ['moving-average', ['inputs', 'moving-average']],
  ['percentile', ['inputs', 'percentile']],
  ['mse', ['inputs', 'mse']],
  ['entropy', ['inputs', 'entropy']],
  ['dynamic', ['inputs', 'dynamic']],
  ['gptq', ['rounding', 'gptq']],
  ['adaround', ['rounding', 'adaround']],
  ['bias-correction', ['biasCorrection', true]],
]);

/** The words of PTQ recipes, in the order of a canonical name. */
export const PTQ_WORDS: readonly string[] = [...WORDS.keys()];

/**
 * The recipe that a text names by words with `+` between them: `mse`, `smoothquant+gptq`. Ranges are `min-max` and
 * weights are rounded to nearest where no word says otherwise.
 *
 * @throws SdqError `bad-option` for an unknown word, with the nearest known one; for two words that set the same part
 *
 * @example
 * ```ts
 * import { parsePtqRecipe } from '@sdq/pipeline';
 *
 * parsePtqRecipe('gptq+mse').rounding; // 'gptq'
 * ```
 */
export function parsePtqRecipe(text: string): PtqRecipe {
  const recipe: Record<Part, PtqRecipe[Part]> = { ...PLAIN };
  const setBy = new Map<Part, string>();
  for (const word of text.split('+').map((word) => word.trim())) {
    const found = WORDS.get(word);
    if (!found) {
      throw new SdqError(
        'bad-option',
        `"${shortened(word)}" in the PTQ recipe "${shortened(text)}" is no word of one: did you mean "${nearestName(word.slice(0, MAX_SHOWN), PTQ_WORDS)}"? The words are ${PTQ_WORDS.join(', ')}.`,
      );
    }
    const [part, value] = found;
    const before = setBy.get(part);
    if (before !== undefined) {
      throw new SdqError(
        'bad-option',
        before === word
          ? `The PTQ recipe "${shortened(text)}" has "${word}" twice: leave one out.`
          : `The PTQ recipe "${shortened(text)}" has both "${before}" and "${word}", which set the same thing: leave one out, or make two recipes, "${before},${word}".`,
      );
    }
    setBy.set(part, word);
    recipe[part] = value;
  }
  return recipe as PtqRecipe;
}

/**
 * The one text that stands for a recipe: its words in a fixed order, without `min-max` where another word is there.
 *
 * @example
 * ```ts
 * import { parsePtqRecipe, ptqRecipeName } from '@sdq/pipeline';
 *
 * ptqRecipeName(parsePtqRecipe('gptq+mse')); // 'mse+gptq'
 * ptqRecipeName(parsePtqRecipe('gptq+min-max')); // 'gptq'
 * ```
 */
export function ptqRecipeName(recipe: PtqRecipe): string {
  const changed = [...WORDS].filter(
    ([, [part, value]]) => recipe[part] === value && PLAIN[part] !== recipe[part],
  );
  return changed.length === 0 ? PLAIN.inputs : changed.map(([word]) => word).join('+');
}

/** The recipes of a run that names none: those that take less than a minute each on a small model. */
export function defaultPtqRecipes(plan: Plan): string[] {
  if (plan.some(isStatic)) return ['min-max', 'percentile', 'mse', 'dynamic'];
  return plan.some(({ activationBits }) => activationBits !== undefined) ? ['dynamic'] : ['min-max'];
}

/**
 * The canonical names of the recipes of a run, each once.
 *
 * @throws SdqError `bad-option` as {@link parsePtqRecipe}; for a recipe that sets what the plan does not quantize
 */
export function ptqRecipesFor(plan: Plan, texts: readonly string[]): string[] {
  const inputs = plan.some(({ activationBits }) => activationBits !== undefined);
  const ranges = plan.some(isStatic);
  const names = texts.map((text) => {
    const recipe = parsePtqRecipe(text);
    const refuse = (word: string, why: string) =>
      new SdqError('bad-option', `"${word}" in the PTQ recipe "${text}" has nothing to do: ${why}.`);
    if (!inputs && (recipe.smoothQuant || recipe.inputs === 'dynamic')) {
      const word = recipe.smoothQuant ? 'smoothquant' : 'dynamic';
      throw refuse(word, 'the plan quantizes no inputs');
    }
    if (!ranges && !['min-max', 'dynamic'].includes(recipe.inputs)) {
      throw refuse(recipe.inputs, 'the plan quantizes no input on a calibrated range');
    }
    return ptqRecipeName(recipe);
  });
  return [...new Set(names)];
}

/** What `quantize` of `@sdq/quantizers` is asked for. */
export function postTrainingOptions(recipe: PtqRecipe): PostTrainingOptions {
  const { inputs, rounding, smoothQuant, biasCorrection } = recipe;
  return {
    ...(inputs !== 'dynamic' && { observer: inputs }),
    rounding,
    ...(smoothQuant && { smoothQuant: { alpha: 'search' } }),
    biasCorrection,
  };
}

/** The plan as a recipe has it: `dynamic` makes every grid of an input one a token. */
export function planForRecipe(plan: Plan, { inputs }: PtqRecipe): Plan {
  if (inputs !== 'dynamic') return plan;
  return plan.map((rule) => (isStatic(rule) ? { ...rule, activationScheme: 'per-token' } : rule));
}

/** The observer of a recipe that does nothing but round to nearest on calibrated ranges; undefined for any other. */
export function plainObserver({ inputs, ...others }: PtqRecipe): ObserverName | undefined {
  const plain = others.rounding === 'nearest' && !others.smoothQuant && !others.biasCorrection;
  return plain && inputs !== 'dynamic' ? inputs : undefined;
}

const MAX_SHOWN = 60;

function shortened(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}

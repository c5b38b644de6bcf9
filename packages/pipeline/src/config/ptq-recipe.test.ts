import { createPlan } from '@sdq/quantizers';
import { expect, it } from 'vitest';
import {
  defaultPtqRecipes,
  parsePtqRecipe,
  planForRecipe,
  postTrainingOptions,
  ptqRecipeName,
  ptqRecipesFor,
} from './ptq-recipe.ts';

it.each([
  ['min-max', 'min-max'],
  ['gptq+smoothquant', 'smoothquant+gptq'],
  [' bias-correction + gptq+mse', 'mse+gptq+bias-correction'],
  ['min-max+adaround', 'adaround'],
  ['dynamic', 'dynamic'],
])('gives the recipe %s one name', (text, name) => {
  const recipe = parsePtqRecipe(text);
  expect(ptqRecipeName(recipe)).toBe(name);
  expect(parsePtqRecipe(name)).toEqual(recipe);
});

it.each([
  ['smoothquant+gtpq', '"gtpq" in the PTQ recipe "smoothquant+gtpq" is no word of one: did you mean "gptq"?'],
  ['', 'is no word of one'],
  ['mse+', '"" in the PTQ recipe "mse+"'],
  ['mse+entropy', 'has both "mse" and "entropy", which set the same thing'],
  ['dynamic+percentile', 'has both "dynamic" and "percentile"'],
  ['gptq+adaround', 'has both "gptq" and "adaround"'],
  ['gptq+mse+gptq', 'has "gptq" twice'],
])('refuses the recipe %j', (text, message) => {
  expect(() => parsePtqRecipe(text)).toThrow(message);
});

it('shows the start of a recipe that is no recipe', () => {
  expect(() => parsePtqRecipe('x'.repeat(1e6))).toThrow(/^.{0,400}$/);
});

it('has each recipe of a list once, and none that the plan leaves nothing to do', () => {
  const listed = (plan: string, ...texts: string[]) => ptqRecipesFor(createPlan(plan), texts);
  expect(listed('w8a8', 'gptq', 'min-max+gptq', 'mse')).toEqual(['gptq', 'mse']);
  expect(listed('w8a8-dynamic', 'dynamic', 'gptq')).toEqual(['dynamic', 'gptq']);
  expect(() => listed('w8a8-dynamic', 'mse')).toThrow('"mse" in the PTQ recipe "mse" has nothing to do');
  expect(() => listed('embeddings-int4', 'dynamic')).toThrow('the plan quantizes no inputs');
  expect(() => listed('embeddings-int4', 'smoothquant+gptq')).toThrow('"smoothquant" in the PTQ recipe');
  for (const plan of ['w8a8', 'w8a8-dynamic', 'embeddings-int4']) {
    const names = defaultPtqRecipes(createPlan(plan));
    expect(listed(plan, ...names)).toEqual(names);
  }
});

it('says what to do in the terms of the quantizers', () => {
  expect(postTrainingOptions(parsePtqRecipe('smoothquant+mse+gptq'))).toEqual({
    observer: 'mse',
    rounding: 'gptq',
    smoothQuant: { alpha: 'search' },
    biasCorrection: false,
  });
  const plan = planForRecipe(createPlan('w8a8'), parsePtqRecipe('dynamic+bias-correction'));
  expect(plan.map(({ activationScheme }) => activationScheme)).toEqual([undefined, undefined, 'per-token']);
  expect(planForRecipe(plan, parsePtqRecipe('min-max'))).toBe(plan);
});

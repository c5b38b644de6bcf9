export { distillationOf, requireDistillable } from './distillation.ts';
export { loadPlugins, NO_PLUGINS, type Plugins, pluginsHash } from './plugins.ts';
export { ptqChoice, savedPtq } from './ptq-choice.ts';
export {
  PTQ_WORDS,
  type PtqRecipe,
  parsePtqRecipe,
  plainObserver,
  planForRecipe,
  postTrainingOptions,
  ptqRecipeName,
} from './ptq-recipe.ts';
export {
  defaultMaxLength,
  type RunConfig,
  type RunOptions,
  resolveRunConfig,
  textLength,
} from './run-config.ts';
export { unusedOptions } from './unused-options.ts';

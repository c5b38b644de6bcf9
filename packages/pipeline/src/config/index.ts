export { distillationOf, requireDistillable } from './distillation.ts';
export {
  METHODS,
  type Method,
  type MethodConfig,
  type MethodKey,
  markedLabel,
  methodNamed,
  methodOfVersion,
  OLD_RECIPES,
  ptqRecipe,
  scoredVersions,
  versionLabel,
} from './methods.ts';
export { loadPlugins, NO_PLUGINS, type Plugins, pluginsHash } from './plugins.ts';
export { type PtqChoice, ptqChoice, ptqVersion, savedPtq } from './ptq-choice.ts';
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

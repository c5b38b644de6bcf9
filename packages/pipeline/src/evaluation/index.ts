export {
  type EvaluatedModel,
  type EvaluationOptions,
  evaluate,
} from './evaluate.ts';
export { evaluateLanguage, type LanguageEvaluation, scoreLanguages } from './evaluate-language.ts';
export {
  copyPredictions,
  goldExamples,
  keepPredictions,
  significanceOf,
  versionTallies,
} from './run-predictions.ts';

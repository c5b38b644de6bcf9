export { type Analysis, attentionFinding, type PlaceError, placeErrors } from './analysis.ts';
export { analysisPage, placeTable, sensitivityTable, studentName } from './analysis-page.ts';
export { type AnalysisOptions, type AnalyzedRun, analyze, runToAnalyze } from './analyze.ts';
export {
  answerTexts,
  type LabelProbabilities,
  type ProbableAnswer,
  type TextAnswer,
  type TextError,
  type TextInput,
  type TextResult,
} from './answer-texts.ts';
export { type Batch, groupByTokens, packBatch } from './batches.ts';
export {
  type BudgetOptions,
  type BudgetPlan,
  type BudgetSite,
  budgetTable,
  planForBudget,
} from './budget-plan.ts';
export { calibrationBatches } from './calibration-batches.ts';
export {
  averageInterval,
  compareAverage,
  compareLanguages,
  type Fairness,
  fairness,
  type LanguageChange,
  type LanguageTallies,
  languageIntervals,
  type Range95,
} from './comparison.ts';
export { comparisonTable, type NamedRun } from './comparison-table.ts';
export {
  type Dataset,
  type DevChunk,
  type DevRequest,
  type DevSet,
  devSets,
  exampleEncoder,
  loadDataset,
  majorityShare,
  requireHead,
  trainableTask,
} from './dataset.ts';
export type { EncodedExample } from './encoded-example.ts';
export { type Classifier, disposeModel, type EncoderModel, logitsOf, tensorsFrom } from './encoder-model.ts';
export {
  type EvaluatedModel,
  type Evaluation,
  type EvaluationOptions,
  evaluate,
  type ModelScores,
} from './evaluate.ts';
export { evaluateLanguage, type LanguageEvaluation, scoreLanguages } from './evaluate-language.ts';
export { evaluationPage, evaluationSentences, evaluationTable } from './evaluation-page.ts';
export { type FineTuned, type FineTunedOptions, loadFineTuned } from './fine-tuned.ts';
export { FINISH_TOLERANCE, type FinishCheck } from './finish-check.ts';
export { isRunFinished, type KnownHashes } from './finished-run.ts';
export { FolderLock } from './folder-lock.ts';
export { languageNames } from './language-names.ts';
export { layerRates } from './layer-decay.ts';
export { type LoadedClassifier, loadClassifier } from './load-classifier.ts';
export {
  type LoadEncoderOptions,
  loadEncoder,
  type ServedEncoder,
  type ServingStats,
} from './load-encoder.ts';
export { markdownTable } from './markdown-table.ts';
export {
  METHODS,
  type Method,
  type MethodConfig,
  type MethodKey,
  methodNamed,
  methodOfVersion,
  ptqRecipe,
  scoredVersions,
  versionLabel,
} from './methods.ts';
export { loadPlugins, NO_PLUGINS, type Plugins } from './plugins.ts';
export { type Precision, precisionOf, precisionText } from './precision.ts';
export {
  type ExternalClassifier,
  logitsOfBatch,
  predictClasses,
  predictSpans,
} from './predict.ts';
export type { PtqChoice } from './ptq-choice.ts';
export {
  PTQ_WORDS,
  type PtqRecipe,
  parsePtqRecipe,
  planForRecipe,
  postTrainingOptions,
  ptqRecipeName,
} from './ptq-recipe.ts';
export { readResults } from './read-results.ts';
export { reportPage } from './report.ts';
export {
  type LanguageScores,
  meanScore,
  type PartBytes,
  type Results,
  scoreTable,
  sortLanguages,
  studentVersion,
  type TeacherRecord,
} from './results.ts';
export { type CompactedRows, compactRows } from './row-compaction.ts';
export { type RunEnvironment, run } from './run.ts';
export {
  defaultMaxLength,
  type RunConfig,
  type RunOptions,
  resolveRunConfig,
  textLength,
} from './run-config.ts';
export { goldExamples, versionTallies } from './run-predictions.ts';
export { loadSavedModel, type SavedModel } from './saved-model.ts';
export { warmupCosine, warmupLinear } from './schedule.ts';
export { deviation, mean, points } from './seed-statistics.ts';
export { type Answer, bestAnswers, type Span, spanWindows } from './spans.ts';
export type { StepContext, StepFigures, StepLoss, StepRequest } from './step-runner.ts';
export {
  calibratedModel,
  dequantizeModel,
  fakeQuantizedClassifier,
  type PostTrainedClassifier,
  postTrainedClassifier,
  postTrainedModel,
  type QuantizedClassifier,
  quantizedClassifier,
  quantizeModel,
} from './student.ts';
export { type Sweep, type SweepJob, type SweepRun, sweepJobs } from './sweep.ts';
export { runsByTask } from './sweep-groups.ts';
export { sweepPage } from './sweep-page.ts';
export { sweepTable } from './sweep-table.ts';
export { sweepTests } from './sweep-tests.ts';
export {
  type StepMode,
  type SyntheticModel,
  type SyntheticOptions,
  syntheticModel,
} from './synthetic-model.ts';
export {
  startOf,
  type TrainedRun,
  trainingSentence,
  zeroShotLanguages,
  zeroShotName,
} from './trained-languages.ts';
export {
  type CheckpointOptions,
  type TrainingRequest,
  type TrainingState,
  type TrainingSummary,
  train,
} from './trainer.ts';
export { TRAINING_DEFAULTS, type TrainingRecipe } from './training-recipe.ts';
export { type TrimCoverage, type TrimOptions, type TrimReport, trim } from './trim.ts';

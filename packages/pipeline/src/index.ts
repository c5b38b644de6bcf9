export {
  type AnalysisOptions,
  type AnalyzedRun,
  analyze,
  type BudgetOptions,
  type BudgetPlan,
  type BudgetSite,
  budgetTable,
  type FineTuned,
  type FineTunedOptions,
  loadFineTuned,
  planForBudget,
  runToAnalyze,
} from './analysis/index.ts';
export { type StepMode, type SyntheticModel, type SyntheticOptions, syntheticModel } from './bench/index.ts';
export {
  defaultMaxLength,
  loadPlugins,
  NO_PLUGINS,
  type Plugins,
  PTQ_WORDS,
  type PtqRecipe,
  parsePtqRecipe,
  planForRecipe,
  postTrainingOptions,
  ptqRecipeName,
  type RunConfig,
  type RunOptions,
  resolveRunConfig,
  textLength,
} from './config/index.ts';

export {
  calibrationBatches,
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
} from './data/index.ts';
export {
  type EvaluatedModel,
  type EvaluationOptions,
  evaluate,
  evaluateLanguage,
  goldExamples,
  type LanguageEvaluation,
  scoreLanguages,
  versionTallies,
} from './evaluation/index.ts';
export {
  calibratedModel,
  FINISH_TOLERANCE,
  type PostTrainedClassifier,
  postTrainedClassifier,
  postTrainedModel,
  quantizeModel,
} from './model/index.ts';

export {
  averageInterval,
  compareAverage,
  compareLanguages,
  fairness,
  type LanguageTallies,
  languageIntervals,
} from './results/index.ts';
export { isRunFinished, type KnownHashes, run } from './run/index.ts';
export { FolderLock } from './run-folder/index.ts';
export type { RunEnvironment } from './stages/index.ts';
export {
  jobsFolder,
  requireSweepFolder,
  runLog,
  runName,
  type Sweep,
  type SweepJob,
  sharedFolder,
  sweepId,
  sweepJobs,
  sweepTests,
} from './sweep/index.ts';

export { type TrimCoverage, type TrimOptions, type TrimReport, trim } from './trim/index.ts';

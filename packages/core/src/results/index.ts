export type {
  Analysis,
  ErrorPart,
  LogitChange,
  Sensitivity,
  SiteError,
  SiteSensitivity,
  TensorError,
} from './analysis.ts';
export type { Evaluation, ModelScores } from './evaluation.ts';
export { type Fairness, type LanguageChange, languagesThat, type Range95 } from './language-changes.ts';
export { languageNames } from './language-names.ts';
export {
  METHOD_KEYS,
  METHODS,
  type Method,
  type MethodConfig,
  type MethodKey,
  markedLabel,
  methodNamed,
  methodOfVersion,
  type PtqChoice,
  ptqRecipe,
  ptqVersion,
  scoredVersions,
  takesLosses,
  versionLabel,
} from './methods.ts';
export { olderName } from './older-results.ts';
export { readResults } from './read-results.ts';
export {
  type AverageChange,
  type FinishCheck,
  type LanguageScores,
  meanScore,
  type PartBytes,
  type RecordedConfig,
  type Results,
  scoreTable,
  sortLanguages,
  studentVersion,
  type TeacherRecord,
} from './results.ts';
export { deviation, mean, points } from './seed-statistics.ts';
export { groupLabel, rowsBySetting, runsByTask, type SweepGroup, type SweepRun } from './sweep-groups.ts';
export {
  recordOfTeacher,
  startOf,
  type TrainedRun,
  trainingSentence,
  zeroShotLanguages,
  zeroShotName,
} from './trained-languages.ts';

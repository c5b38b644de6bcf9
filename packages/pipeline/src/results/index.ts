export {
  averageInterval,
  compareAverage,
  compareLanguages,
  type Fairness,
  fairness,
  type LanguageChange,
  type LanguageTallies,
  languageIntervals,
  languagesThat,
  type Range95,
} from './comparison.ts';
export { languageNames } from './language-names.ts';
export { mapValues } from './map-values.ts';
export { olderName } from './older-results.ts';
export { readResults } from './read-results.ts';
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
export { deviation, mean, points } from './seed-statistics.ts';
export {
  recordOfTeacher,
  startOf,
  type TrainedRun,
  trainingSentence,
  zeroShotLanguages,
  zeroShotName,
} from './trained-languages.ts';
export { VERSION } from './version.ts';

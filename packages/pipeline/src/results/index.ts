export {
  averageInterval,
  compareAverage,
  compareLanguages,
  fairness,
  type LanguageTallies,
  languageIntervals,
} from './comparison.ts';
export { mapValues } from './map-values.ts';
export { VERSION } from './version.ts';

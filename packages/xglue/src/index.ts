export { checkData, type DataReport, type SplitReport } from './check-data.ts';
export type {
  Example,
  GenerationExample,
  SpanAnswer,
  SpanExample,
  TextExample,
  WordsExample,
} from './examples.ts';
export { taskLabels } from './labels.ts';
export { type FoundLanguage, listLanguages, taskFiles } from './layout.ts';
export { type DataNote, readLines, strictly } from './lines.ts';
export {
  accuracy,
  answerExactMatch,
  answerF1,
  corpusBleu,
  ndcg,
  nerF1,
  posPrecision,
} from './metrics/index.ts';
export { NoteCounter } from './note-counter.ts';
export {
  type PredictionFile,
  predictionPath,
  readPredictions,
  writePredictions,
} from './prediction-files.ts';
export type { Predictions } from './predictions.ts';
export { type ReadOptions, readSplit, streamSplit } from './read-split.ts';
export { average, score } from './score.ts';
export { type ScoreOptions, type ScoreSheet, scorePredictions } from './score-predictions.ts';
export {
  confidenceInterval,
  holm,
  type Interval,
  meanConfidenceInterval,
  type PairedTest,
  pairedMeanTest,
  pairedTest,
  type ResampleOptions,
} from './significance.ts';
export { joinTallies, scoreOf, type Tally, tally } from './tally.ts';
export {
  type MetricName,
  type SplitName,
  type Task,
  type TaskKind,
  type TaskName,
  type TaskUnits,
  task,
  tasks,
} from './tasks.ts';
export { topicsFolder } from './topics-folder.ts';
export type { ExampleLinks } from './units.ts';
export { countUnpaired, type Unpaired } from './unpaired.ts';

export type {
  Example,
  GenerationExample,
  SpanAnswer,
  SpanExample,
  TextExample,
  WordsExample,
} from './examples.ts';
export { taskLabels } from './labels.ts';
export { type FoundLanguage, listLanguages } from './layout.ts';
export type { DataNote } from './lines.ts';
export { accuracy } from './metrics/accuracy.ts';
export { nerF1 } from './metrics/ner-f1.ts';
export { posPrecision } from './metrics/pos-precision.ts';
export { type ReadOptions, readSplit, streamSplit } from './read-split.ts';
export { average, type Predictions, score } from './score.ts';
export {
  type MetricName,
  type SplitName,
  type Task,
  type TaskKind,
  type TaskName,
  task,
  tasks,
} from './tasks.ts';

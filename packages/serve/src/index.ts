export {
  answerTexts,
  type LabelProbabilities,
  type ProbableAnswer,
  type TextAnswer,
  type TextError,
  type TextInput,
  type TextResult,
} from './answer-texts.ts';
export { type LoadedClassifier, loadClassifier } from './load-classifier.ts';
export {
  type LoadEncoderOptions,
  loadEncoder,
  type ServedEncoder,
  type ServingStats,
} from './load-encoder.ts';
export { type Precision, precisionOf, precisionText } from './precision.ts';
export {
  type ExampleLogits,
  type ExternalClassifier,
  exampleLogits,
  logitsOfBatch,
  predictClasses,
  predictSpans,
  requireFiniteLogits,
  rowArgMax,
} from './predict.ts';
export {
  dequantizeModel,
  fakeQuantizedClassifier,
  type QuantizedClassifier,
  quantizedClassifier,
  studentPlan,
} from './quantized-classifier.ts';
export { loadSavedModel, noHead, type SavedModel } from './saved-model.ts';
export {
  type Answer,
  bestAnswers,
  bestSpans,
  type QuestionExample,
  type Span,
  spanWindows,
} from './spans.ts';

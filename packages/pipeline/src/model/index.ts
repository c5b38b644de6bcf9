export {
  compareLogits,
  FINISH_TOLERANCE,
  logitDistance,
  logitsOn,
} from './finish-check.ts';
export { type LoadedClassifier, loadClassifier } from './load-classifier.ts';
export {
  chooseObserver,
  type ObserverChoice,
  type ObserverRecord,
  observerRecord,
} from './observer-choice.ts';
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
  calibratedModel,
  dequantizeModel,
  fakeQuantizedClassifier,
  type PostTrainedClassifier,
  postTrainedClassifier,
  postTrainedModel,
  type QuantizedClassifier,
  quantizedClassifier,
  quantizeModel,
  studentPlan,
} from './student.ts';

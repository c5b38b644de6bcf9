export {
  compareLogits,
  FINISH_TOLERANCE,
  logitDistance,
  logitsOn,
} from './finish-check.ts';
export {
  chooseObserver,
  type ObserverChoice,
  type ObserverRecord,
  observerRecord,
} from './observer-choice.ts';
export {
  calibratedModel,
  type PostTrainedClassifier,
  postTrainedClassifier,
  postTrainedModel,
  quantizeModel,
} from './student.ts';

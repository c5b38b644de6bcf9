export type { EncoderBatch, EncoderConfig, ModelFamily } from '@sdq/core';
export {
  configFile,
  type Head,
  type ModelConfig,
  maxSequenceLength,
  parseConfig,
} from './config.ts';
export { storedE5Name } from './e5-names.ts';
export { applyHead, encode, forward, type Parameters } from './encoder.ts';
export {
  type Classifier,
  disposeModel,
  type EncoderModel,
  floatClassifier,
  hostTensors,
  logitsOf,
  lossLogits,
  lossRows,
  tensorsFrom,
  trainableCopies,
} from './encoder-model.ts';
export { familyOf } from './families.ts';
export { FloatOps, type FloatOptions } from './float-ops.ts';
export type { HeadKind } from './head-kind.ts';
export {
  encoderShapes,
  headShapes,
  initialHead,
  isInHead,
  wantedShapes,
  wordSite,
  wordTable,
} from './parameters.ts';

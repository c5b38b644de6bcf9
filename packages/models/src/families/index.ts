export {
  configFile,
  type EncoderConfig,
  type Head,
  type ModelConfig,
  maxSequenceLength,
  parseConfig,
} from './config.ts';
export { applyHead, type EncoderBatch, encode, forward, type Parameters } from './encoder.ts';
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
  WORD_EMBEDDINGS,
  WORD_SITE,
} from './encoder-model.ts';
export { type FamilyName, familyOf, type ModelFamily } from './families.ts';
export { FloatOps, type FloatOptions } from './float-ops.ts';
export type { HeadKind } from './head-kind.ts';
export { encoderShapes, headShapes, initialHead } from './parameters.ts';

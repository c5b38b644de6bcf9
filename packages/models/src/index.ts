export { writeAtomically, writeFileAtomically } from './atomic-file.ts';
export { type Checkpoint, loadCheckpoint, readConfig, saveModel, withHead } from './checkpoint.ts';
export {
  configFile,
  type EncoderConfig,
  type Head,
  type ModelConfig,
  maxSequenceLength,
  parseConfig,
} from './config.ts';
export { loadE5Checkpoint } from './e5-checkpoint.ts';
export { applyHead, type EncoderBatch, encode, forward, type Parameters } from './encoder.ts';
export { type FamilyName, familyOf, type ModelFamily } from './families.ts';
export {
  cachedDefaultCheckpoint,
  type FetchOptions,
  fetchDefaultCheckpoint,
  type PackageMember,
} from './fetch-checkpoint.ts';
export { sha256OfFile } from './file-hash.ts';
export { FloatOps, type FloatOptions } from './float-ops.ts';
export { narrowToHalfFloats, widenHalfFloats } from './half-float.ts';
export type { HeadKind } from './head-kind.ts';
export type { HostTensor } from './host-tensor.ts';
export { readMaxLength, requireRows } from './input-limits.ts';
export { modelHash } from './model-hash.ts';
export { packEncodings } from './pack.ts';
export { encoderShapes, headShapes, initialHead } from './parameters.ts';
export {
  isQuantizedModel,
  loadQuantizedModel,
  type QuantizedModel,
  saveQuantizedModel,
} from './quantized-model.ts';
export {
  readSafetensorsHeader,
  type SafetensorsEntry,
  SafetensorsFile,
  type SafetensorsHeader,
  type SafetensorsValue,
  writeSafetensors,
} from './safetensors.ts';
export {
  type Encoding,
  loadTokenizer,
  parseTokenizer,
  readTokenizerJson,
  Tokenizer,
  type WindowEncoding,
  type WordEncoding,
} from './tokenizer.ts';
export { type TrimmedTokenizer, trimTokenizer } from './trim-tokenizer.ts';

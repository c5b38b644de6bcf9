export { temporaryPath, writeAtomically, writeFileAtomically } from './atomic-file.ts';
export { readBoundedJson } from './bounded-file.ts';
export {
  type Checkpoint,
  loadCheckpoint,
  readConfig,
  saveModel,
  TOKENIZER_FILE,
  withHead,
} from './checkpoint.ts';
export { E5_FILE, loadE5Checkpoint } from './e5-checkpoint.ts';
export { extractMember } from './extract-member.ts';
export { sha256OfFile } from './file-hash.ts';
export { narrowToHalfFloats, widenHalfFloats } from './half-float.ts';
export { modelHash } from './model-hash.ts';
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

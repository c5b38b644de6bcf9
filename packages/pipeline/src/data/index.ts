export { calibrationBatches } from './calibration-batches.ts';
export {
  cutExamples,
  type Dataset,
  type DevChunk,
  type DevRequest,
  type DevSet,
  devSets,
  exampleEncoder,
  goldOf,
  headKind,
  loadDataset,
  majorityShare,
  missingLanguages,
  requireHead,
  sumOver,
  tokenCount,
  tokensOf,
  trainableTask,
} from './dataset.ts';
export { devSetHash } from './dev-set-hash.ts';

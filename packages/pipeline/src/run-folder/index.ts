export { FolderLock } from './folder-lock.ts';
export {
  CONFIG_FILE,
  RunFolder,
  readJson,
  readRunConfig,
  runDifferences,
  SOURCES_FILE,
  STAGES_FILE,
  type StageOutcome,
  type StageRecord,
} from './run-folder.ts';
export { type InputChanges, inputChanges, RunInputs, type StageInputs } from './stage-inputs.ts';

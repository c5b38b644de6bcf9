export { type Precision, precisionOf, precisionText } from './precision.ts';
export { loadSavedModel, noHead, type SavedModel } from './saved-model.ts';

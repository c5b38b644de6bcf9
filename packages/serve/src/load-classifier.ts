import {
  type Classifier,
  disposeModel,
  floatClassifier,
  type Head,
  loadTokenizer,
  readMaxLength,
  requireRows,
  type Tokenizer,
  tensorsFrom,
} from '@sdq/models';
import { precisionOf, precisionText } from './precision.ts';
import { quantizedClassifier } from './quantized-classifier.ts';
import { loadSavedModel } from './saved-model.ts';

/** A saved model, ready to classify. */
export interface LoadedClassifier {
  readonly classify: Classifier;
  readonly tokenizer: Tokenizer;
  readonly head: Head;
  /** Whether its weights are stored as integers. */
  readonly quantized: boolean;
  /** In which numbers its weights and inputs are, in words; absent where the model does not tell. */
  readonly precision?: string;
  /** The most tokens that a text may have, special tokens included. */
  readonly maxLength: number;
  /** Frees the model's memory; it classifies no longer then. */
  close(): Promise<void>;
}

/**
 * Loads a fine-tuned model, fp32 (a run's `teacher` folder) or quantized (its `student` folder).
 *
 * @throws SdqError as the loader of tokenizers and {@link loadSavedModel}
 */
export async function loadClassifier(folder: string): Promise<LoadedClassifier> {
  const tokenizer = await loadTokenizer(folder);
  const saved = await loadSavedModel(folder);
  const { config, head } = saved;
  requireRows(tokenizer, config, folder);
  const precision = precisionText(precisionOf(saved));
  const shared = { tokenizer, head, precision, maxLength: await readMaxLength(folder, config) };
  if ('weights' in saved) {
    const { classify, dispose } = quantizedClassifier(saved);
    return { ...shared, classify, quantized: true, close: async () => dispose() };
  }
  const model = { config, head, parameters: tensorsFrom(saved.tensors) };
  const close = async () => disposeModel(model);
  return { ...shared, classify: floatClassifier(model), quantized: false, close };
}

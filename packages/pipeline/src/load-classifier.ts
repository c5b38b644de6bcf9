import { type Head, loadTokenizer, type Tokenizer } from '@sdq/models';
import type { Classifier } from './encoder-model.ts';
import { floatClassifier, tensorsFrom } from './encoder-model.ts';
import { precisionOf, precisionText } from './precision.ts';
import { loadSavedModel } from './saved-model.ts';
import { quantizedClassifier } from './student.ts';

/** A saved model, ready to classify. */
export interface LoadedClassifier {
  readonly classify: Classifier;
  readonly tokenizer: Tokenizer;
  readonly head: Head;
  /** Whether its weights are stored as integers. */
  readonly quantized: boolean;
  /** In which numbers its weights and inputs are, in words; absent where the model does not tell. */
  readonly precision?: string;
}

/**
 * Loads a fine-tuned model, fp32 (a run's `teacher` folder) or quantized (its `student` folder).
 *
 * @throws SdqError as the loader of tokenizers and {@link loadSavedModel}
 */
export async function loadClassifier(folder: string): Promise<LoadedClassifier> {
  const tokenizer = await loadTokenizer(folder);
  const saved = await loadSavedModel(folder);
  const precision = precisionText(precisionOf(saved));
  if ('weights' in saved) {
    return {
      classify: quantizedClassifier(saved).classify,
      tokenizer,
      head: saved.head,
      quantized: true,
      precision,
    };
  }
  const { config, head, tensors } = saved;
  const model = { config, head, parameters: tensorsFrom(tensors) };
  return { classify: floatClassifier(model), tokenizer, head, quantized: false, precision };
}

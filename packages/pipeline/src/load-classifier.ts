import { type Head, loadTokenizer, type Tokenizer } from '@sdq/models';
import { floatClassifier, tensorsFrom } from './encoder-model.ts';
import type { Classifier } from './predict.ts';
import { loadSavedModel } from './saved-model.ts';
import { quantizedClassifier } from './student.ts';

/** A saved model, ready to classify. */
export interface LoadedClassifier {
  readonly classify: Classifier;
  readonly tokenizer: Tokenizer;
  readonly head: Head;
  /** Whether its weights are stored as integers. */
  readonly quantized: boolean;
}

/**
 * Loads a fine-tuned model, fp32 (a run's `teacher` folder) or int8 (its `student` folder).
 *
 * @throws SdqError as the loader of tokenizers and {@link loadSavedModel}
 */
export async function loadClassifier(folder: string): Promise<LoadedClassifier> {
  const tokenizer = await loadTokenizer(folder);
  const saved = await loadSavedModel(folder);
  if ('weights' in saved) {
    return {
      classify: quantizedClassifier(saved).classify,
      tokenizer,
      head: saved.head,
      quantized: true,
    };
  }
  const { config, head, tensors } = saved;
  const model = { config, head, parameters: tensorsFrom(tensors) };
  return { classify: floatClassifier(model), tokenizer, head, quantized: false };
}

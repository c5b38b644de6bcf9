import { SdqError } from '@sdq/core';
import {
  FloatOps,
  type Head,
  isQuantizedModel,
  loadCheckpoint,
  loadQuantizedModel,
  loadTokenizer,
  type Tokenizer,
} from '@sdq/models';
import { logitsOf, tensorsFrom } from './encoder-model.ts';
import type { Classifier } from './predict.ts';
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
 * @throws SdqError as the loaders of `@sdq/models`; `bad-checkpoint` when the model has no classification head
 */
export async function loadClassifier(folder: string): Promise<LoadedClassifier> {
  const tokenizer = await loadTokenizer(folder);
  if (await isQuantizedModel(folder)) {
    const saved = await loadQuantizedModel(folder);
    return {
      classify: quantizedClassifier(saved).classify,
      tokenizer,
      head: saved.head,
      quantized: true,
    };
  }
  const { config, head, tensors } = await loadCheckpoint(folder);
  if (!head) {
    throw new SdqError(
      'bad-checkpoint',
      `${folder} has no classification head: fine-tune it first with "sdq run".`,
    );
  }
  const model = { config, head, parameters: tensorsFrom(tensors) };
  return { classify: (batch) => logitsOf(model, new FloatOps(), batch), tokenizer, head, quantized: false };
}

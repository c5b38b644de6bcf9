import { SdqError } from '@sdq/core';
import {
  type EncoderConfig,
  type Head,
  type HostTensor,
  isQuantizedModel,
  loadCheckpoint,
  loadQuantizedModel,
  type QuantizedModel,
} from '@sdq/models';

/** A fine-tuned model as its folder holds it: in floats, or quantized, which shows in its `weights`. */
export type SavedModel =
  | QuantizedModel
  | {
      readonly config: EncoderConfig;
      readonly head: Head;
      readonly tensors: ReadonlyMap<string, HostTensor>;
    };

/**
 * Loads a fine-tuned model, fp32 (a run's `teacher` folder) or quantized (its `student` folder).
 *
 * @throws SdqError as the loaders of `@sdq/models`; `bad-checkpoint` when the model has no classification head
 */
export async function loadSavedModel(folder: string): Promise<SavedModel> {
  if (await isQuantizedModel(folder)) return loadQuantizedModel(folder);
  const { config, head, tensors } = await loadCheckpoint(folder);
  if (!head) throw noHead(folder);
  return { config, head, tensors };
}

/** The error for a model that was not fine-tuned. */
export function noHead(folder: string): SdqError {
  return new SdqError(
    'bad-checkpoint',
    `${folder} has no classification head: fine-tune it first with "sdq run".`,
  );
}

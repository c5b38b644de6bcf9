import { modelHash, type QuantizedModel, saveQuantizedModel } from '@sdq/models';
import type { StageOutcome } from '../run-folder/index.ts';
import type { RunSettings } from './run-context.ts';

/** The folder of the quantized model that a run keeps, in the run folder. */
export const STUDENT = 'student';

/** Saves the student that a run keeps. */
export async function saveStudent({ folder, config }: RunSettings, quantized: QuantizedModel): Promise<void> {
  await saveQuantizedModel(folder.file(STUDENT), quantized, { tokenizerFrom: config.model });
}

/** The hash of the student that was saved. */
export async function savedStudent({ folder }: RunSettings): Promise<Pick<StageOutcome, 'model'>> {
  return { model: await modelHash(folder.file(STUDENT)) };
}

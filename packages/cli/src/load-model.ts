import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '@sdq/models';
import { OnnxSession, QUANTIZED_FILE, WHOLE_FILE } from '@sdq/onnx';
import { type EvaluatedModel, loadClassifier } from '@sdq/pipeline';

/**
 * Loads a model's folder: an exported ONNX one to run under onnxruntime, any other in process.
 *
 * @throws SdqError as `loadClassifier` and `OnnxSession.open`
 */
export async function loadModel(folder: string): Promise<EvaluatedModel> {
  if (!isOnnxFolder(folder)) return loadClassifier(folder);
  const tokenizer = await loadTokenizer(folder);
  const session = await OnnxSession.open(folder);
  const quantized = existsSync(join(folder, QUANTIZED_FILE));
  return { classify: session, tokenizer, head: session.head, quantized };
}

/** Whether a folder holds an exported ONNX model. */
function isOnnxFolder(folder: string): boolean {
  return [QUANTIZED_FILE, WHOLE_FILE].some((file) => existsSync(join(folder, file)));
}

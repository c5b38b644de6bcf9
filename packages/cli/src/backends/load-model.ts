import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer, readMaxLength, requireRows } from '@sdq/models';
import { OnnxSession, QUANTIZED_FILE, WHOLE_FILE } from '@sdq/onnx';
import type { EvaluatedModel } from '@sdq/pipeline';
import { loadClassifier } from '@sdq/serve';
import { EXPORT_FILE } from '../export/index.ts';

/**
 * Loads a model's folder: an exported ONNX one to run under onnxruntime, any other in process.
 *
 * @throws SdqError as `loadClassifier` and `OnnxSession.open`
 */
export async function loadModel(folder: string): Promise<EvaluatedModel> {
  if (!isOnnxFolder(folder)) return loadClassifier(folder);
  const tokenizer = await loadTokenizer(folder);
  const session = await OnnxSession.open(folder);
  const { config, head } = session;
  try {
    requireRows(tokenizer, config, folder);
    const precision = readPrecision(folder);
    return {
      classify: session,
      tokenizer,
      head,
      quantized: existsSync(join(folder, QUANTIZED_FILE)),
      maxLength: await readMaxLength(folder, config),
      ...(precision !== undefined && { precision }),
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Whether a folder holds an exported ONNX model. */
function isOnnxFolder(folder: string): boolean {
  return [QUANTIZED_FILE, WHOLE_FILE].some((file) => existsSync(join(folder, file)));
}

const MAX_EXPORT_BYTES = 1e5;
const MAX_PRECISION = 500;

/** What an export says of its precision; nothing where it does not, as an older one. */
function readPrecision(folder: string): string | undefined {
  const file = join(folder, EXPORT_FILE);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined || size > MAX_EXPORT_BYTES) return undefined;
  try {
    const { precision } = JSON.parse(readFileSync(file, 'utf8')) as { precision?: unknown };
    return typeof precision === 'string' && precision.length <= MAX_PRECISION ? precision : undefined;
  } catch {
    return undefined;
  }
}

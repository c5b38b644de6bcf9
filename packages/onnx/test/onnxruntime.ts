import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EncoderBatch, EncoderConfig, Head } from '@sdq/models';
import { InferenceSession } from 'onnxruntime-node';
import { OnnxSession } from '../src/onnx-session.ts';
import { decodeModelProto } from '../src/schema.ts';

/** The logits of a file under onnxruntime, on packed sequences. */
export async function logitsUnderOnnxruntime(
  file: string,
  { config, head }: { readonly config: EncoderConfig; readonly head: Head },
  batch: EncoderBatch,
): Promise<Float32Array> {
  const session = await OnnxSession.openFile(file, config, head);
  try {
    return (await session.logits(batch)).data;
  } finally {
    await session.close();
  }
}

/** How often each operator stands in the graph that onnxruntime runs, after all that it fuses. */
export async function operatorsThatRun(file: string): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'sdq-optimized-'));
  try {
    const optimized = join(folder, 'optimized.onnx');
    const session = await InferenceSession.create(file, {
      optimizedModelFilePath: optimized,
      logSeverityLevel: 3,
    });
    await session.release();
    return countOperators(decodeModelProto(readFileSync(optimized)).graph.node);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** How often each operator stands among nodes. */
export function countOperators(nodes: readonly { readonly opType: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of nodes) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

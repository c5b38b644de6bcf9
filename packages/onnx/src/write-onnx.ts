import { basename, dirname, join } from 'node:path';
import { type QuantizedModel, writeAtomically, writeFileAtomically } from '@sdq/models';
import { type FloatModel, type OnnxOptions, onnxModel } from './onnx-model.ts';
import { EXTERNAL, encodeModelProto, type ModelProto, type TensorProto } from './schema.ts';

// Protocol buffers end at 2 GiB; the nodes take well under the difference.
const MAX_INLINE_BYTES = 2 ** 31 - 2 ** 26;
// Tensors below this stay in the graph, where shape inference reads them.
const MIN_EXTERNAL_BYTES = 1024;
// onnxruntime maps external tensors into memory at multiples of a page.
const PAGE = 4096;

/** What {@link writeOnnx} wrote. */
export interface WrittenOnnx {
  /** The files, the graph first. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** The names of the operators in the graph, each once. */
  readonly operators: readonly string[];
  /** The version of the standard operator set. */
  readonly opset: number;
}

/**
 * Writes a model as an ONNX file, opset 17; weights beyond 2 GB go into a file beside it, `{path}_data`.
 *
 * Inputs: `input_ids`, `attention_mask` and, where the model has token types, `token_type_ids`, all int64
 * [batch_size, sequence_length]. Outputs: `logits`; `start_logits` and `end_logits` for question answering;
 * `last_hidden_state` without a head.
 *
 * @param maxInlineBytes - weights beyond so many bytes go into a file of their own
 * @throws SdqError 'missing-tensor'; 'bad-option' when a site has no form in ONNX, or options of integers are given for a
 * model in floats; 'bad-value' when a grid does not fit unsigned bytes; 'io-failed'
 *
 * @example
 * ```ts
 * import { loadQuantizedModel } from '@sdq/models';
 * import { writeOnnx } from '@sdq/onnx';
 *
 * const convert = async (student: string, file: string) =>
 *   writeOnnx(file, await loadQuantizedModel(student), { form: 'qoperator' });
 * ```
 */
export async function writeOnnx(
  path: string,
  model: FloatModel | QuantizedModel,
  options: OnnxOptions = {},
  maxInlineBytes = MAX_INLINE_BYTES,
): Promise<WrittenOnnx> {
  const proto = onnxModel(model, options);
  const operators = [...new Set(proto.graph.node.map(({ opType }) => opType))].sort();
  const opset = proto.opsetImport.find(({ domain }) => domain === '')!.version;
  const total = proto.graph.initializer.reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
  if (total <= maxInlineBytes) {
    const bytes = encodeModelProto(proto);
    await writeFileAtomically(path, bytes);
    return { files: [path], bytes: bytes.length, operators, opset };
  }
  const dataPath = join(dirname(path), `${basename(path)}_data`);
  const { graph, tensors, length } = outsourced(proto, basename(dataPath));
  await writeAtomically(dataPath, async (file) => {
    for (const { offset, bytes } of tensors) {
      for (let at = 0; at < bytes.length; ) {
        at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
      }
    }
  });
  const bytes = encodeModelProto(graph);
  await writeFileAtomically(path, bytes);
  return { files: [path, dataPath], bytes: bytes.length + length, operators, opset };
}

/** The model with its large tensors by reference to a file, and what that file holds. */
function outsourced(model: ModelProto, location: string) {
  const tensors: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  let length = 0;
  const initializer = model.graph.initializer.map((tensor): TensorProto => {
    const { rawData: bytes, ...rest } = tensor;
    if (bytes === undefined || bytes.length < MIN_EXTERNAL_BYTES) return tensor;
    const offset = Math.ceil(length / PAGE) * PAGE;
    length = offset + bytes.length;
    tensors.push({ offset, bytes });
    const entries = { location, offset, length: bytes.length };
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
    return { ...rest, dataLocation: EXTERNAL, externalData };
  });
  return { graph: { ...model, graph: { ...model.graph, initializer } }, tensors, length };
}

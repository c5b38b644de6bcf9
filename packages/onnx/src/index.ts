export { QUANTIZED_FILE, WHOLE_FILE } from './export-files.ts';
export type { FloatModel, OnnxOptions } from './onnx-model.ts';
export { OnnxSession, type OnnxSessionOptions, type Rows } from './onnx-session.ts';
export type { IntegerForm } from './quantized-onnx-ops.ts';
export { type WrittenOnnx, writeOnnx } from './write-onnx.ts';

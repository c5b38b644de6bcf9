/** The float model, where transformers.js looks for it in an exported folder. */
export const WHOLE_FILE = 'onnx/model.onnx';
/** The quantized model, where transformers.js looks for `dtype: 'q8'`. */
export const QUANTIZED_FILE = 'onnx/model_quantized.onnx';

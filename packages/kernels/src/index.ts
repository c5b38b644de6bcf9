export { AdamW, type AdamWOptions, type AdamWState, type AdamWStepOptions } from './adamw.ts';
export { attention } from './attention.ts';
export { attentionKl } from './attention-kl.ts';
export { cosineDistance } from './cosine-distance.ts';
export { dropout } from './dropout.ts';
export { embedding } from './embedding.ts';
export { fakeQuantize } from './fake-quantize.ts';
export { fakeQuantizeRows, quantizeRows } from './fake-quantize-rows.ts';
export { notFinite } from './finite.ts';
export { gelu } from './gelu.ts';
export { globalNorm } from './global-norm.ts';
export {
  type AdamRowsUpdate,
  type AdamStep,
  type AdamUpdate,
  type HostKernels,
  registerHostKernels,
} from './host-kernels.ts';
export {
  createIntegerModel,
  type ForwardPass,
  type IntegerModel,
  type IntegerParameters,
} from './integer-model.ts';
export { layerNorm } from './layer-norm.ts';
export { linear } from './linear.ts';
export { meanSquaredError } from './mean-squared-error.ts';
export { minMax } from './min-max.ts';
export { ownKernels } from './own-kernels.ts';
export { type LinearQuantization, quantizedLinear } from './quantized-linear.ts';
export { type Relation, relationKl } from './relation-kl.ts';
export { roundHalfEven } from './round-half-even.ts';
export { IGNORED_LABEL, softmaxCrossEntropy } from './softmax-cross-entropy.ts';
export { softmaxKl } from './softmax-kl.ts';
export { spanRows } from './span-rows.ts';
export { type TernaryGrid, ternaryGrid, ternaryLevel } from './ternary-grid.ts';
export { variableGradients } from './variable-gradients.ts';

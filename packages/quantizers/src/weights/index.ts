export { initialSteps, LearnedStepQuantizer, learnedStepQuantize, type StepLevels } from './learned-step.ts';
export { LevelGrid, requireLevels } from './level-grid.ts';
export { fakeQuantizePerToken } from './per-token.ts';
export {
  dequantizeProduct,
  lookUpCentroids,
  type ProductQuantized,
  type ProductQuantizeOptions,
  productBytes,
  productQuantize,
  productRows,
  withInt8Centroids,
} from './product-quantization.ts';
export { constantShare, linearShare, type QuantNoise, quantNoise } from './quant-noise.ts';
export {
  dequantizeRows,
  floatsOf,
  perChannel,
  perGroup,
  perTensor,
  storedBytes,
  weightQuantizer,
  weightQuantizerNamed,
} from './weight-quantizers.ts';

export { type AdaRoundOptions, adaRound } from './adaround.ts';
export { gridForRange } from './affine-grid.ts';
export { calibrate, type SiteRanges } from './calibrate.ts';
export { EntropyObserver } from './entropy-observer.ts';
export { FakeQuantizedOps, type FakeQuantizedOptions } from './fake-quantized-ops.ts';
export { type GptqOptions, gptq } from './gptq.ts';
export { Gram, outputError } from './gram.ts';
export {
  type IterativePqOptions,
  type IterativePqResult,
  iterativeProductQuantize,
  PQ_STAGES,
  type PqStage,
  type PqState,
} from './iterative-pq.ts';
export { initialSteps, LearnedStepQuantizer, learnedStepQuantize, type StepLevels } from './learned-step.ts';
export { MinMaxObserver } from './min-max-observer.ts';
export {
  chooseBits,
  measureOptions,
  mixedPrecisionPlan,
  type SiteOption,
  type SiteOptions,
} from './mixed-precision.ts';
export { MovingAverageObserver } from './moving-average-observer.ts';
export { MseObserver } from './mse-observer.ts';
export { createObserver, type ObserverName, observerFrom, observers } from './observers.ts';
export { ObservingOps } from './observing-ops.ts';
export type { LogitChange } from './output-error.ts';
export { fakeQuantizePerToken } from './per-token.ts';
export { PercentileObserver } from './percentile-observer.ts';
export {
  type ActivationScheme,
  createPlan,
  gridsForRanges,
  isStatic,
  matchesSite,
  PLAN_NAMES,
  type Plan,
  type PlanRule,
  type PlanRuleData,
  perTokenBits,
  planData,
  type ResolvedPlan,
  resolvePlan,
  sitesOf,
} from './plan.ts';
export {
  type CalibratedModel,
  type PostTrainingOptions,
  type PostTrainingResult,
  quantize,
} from './post-training.ts';
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
  type ComparedModel,
  type ErrorPart,
  type SiteError,
  siteErrors,
  type TensorError,
} from './site-errors.ts';
export { type Sensitivity, type SiteSensitivity, siteSensitivity } from './site-sensitivity.ts';
export { SmoothedOps, smoothingDivisors } from './smooth-quant.ts';
export { ListeningOps } from './tracing-ops.ts';
export {
  dequantizeRows,
  perChannel,
  perGroup,
  perTensor,
  storedBytes,
  weightQuantizer,
  weightQuantizerNamed,
} from './weight-quantizers.ts';
export { WrappedOps } from './wrapped-ops.ts';

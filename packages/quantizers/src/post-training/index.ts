export { type AdaRoundOptions, adaRound } from './adaround.ts';
export { calibrate, type SiteRanges } from './calibrate.ts';
export { type GptqOptions, gptq } from './gptq.ts';
export {
  type CalibratedModel,
  type PostTrainingOptions,
  type PostTrainingResult,
  quantize,
} from './post-training.ts';

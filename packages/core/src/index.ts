export { listed, quoted } from './bounded-text.ts';
export { joinBlocks } from './codebook.ts';
export type { DistillationContext, DistillationLoss, EncoderShape, LossTerm, Taps } from './distillation.ts';
export type { EncoderOps, Layout, PackedBatch, Site } from './encoder-ops.ts';
export { SdqError, type SdqErrorCode, unknownName } from './errors.ts';
export type { BackendPeaks, BackendStatus, KernelBackend } from './kernel-backend.ts';
export type {
  EncoderBatch,
  EncoderConfig,
  FindParameter,
  ModelFamily,
  SequenceHeadSites,
} from './model-family.ts';
export { packIntegers, unpackIntegers, wordsPerRow } from './packed-integers.ts';
export {
  definePlugin,
  type LossFactory,
  type LossOptions,
  PLUGIN_CONTRACT,
  type Plugin,
  type PluginParts,
} from './plugin.ts';
export type {
  AffineGrid,
  Codebook,
  Granularity,
  Observer,
  ObserverState,
  QuantizedRows,
  WeightQuantizer,
} from './quantization.ts';
export { hash32, Random, type RandomState } from './random.ts';
export type { Reporter, RunEvent } from './reporter.ts';
export { type LayerRole, partOf, ROLES, type Role, type RoleOf } from './roles.ts';
export type { Stage } from './stage.ts';
export { type TapPoint, type TapRole, tapKey } from './taps.ts';
export { yieldToEvents } from './yield-to-events.ts';

export {
  chooseBits,
  measureOptions,
  mixedPrecisionPlan,
  type SiteOption,
  type SiteOptions,
} from './mixed-precision.ts';
export type { LogitChange } from './output-error.ts';
export {
  type ComparedModel,
  type ErrorPart,
  type SiteError,
  siteErrors,
  type TensorError,
} from './site-errors.ts';
export { type Sensitivity, type SiteSensitivity, siteSensitivity } from './site-sensitivity.ts';

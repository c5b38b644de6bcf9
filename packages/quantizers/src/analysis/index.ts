export {
  chooseBits,
  measureOptions,
  mixedPrecisionPlan,
  type SiteOption,
  type SiteOptions,
} from './mixed-precision.ts';

export { type ComparedModel, siteErrors } from './site-errors.ts';
export { siteSensitivity } from './site-sensitivity.ts';

import type { ModelFamily } from '@sdq/core';
import { postNormFamily } from './post-norm-family.ts';

/** XLM-R (Conneau et al. 2020, arXiv 1911.02116) and InfoXLM: positions are counted from the one after the padding id. */
export const xlmRoberta: ModelFamily = postNormFamily({
  name: 'xlm-roberta',
  prefix: 'roberta.',
  className: 'XLMRoberta',
  firstPosition: (padId) => padId + 1,
  sequenceHead: { dense: 'classifier.dense', output: 'classifier.out_proj', dropoutFirst: true },
  defaultPadId: 1,
});

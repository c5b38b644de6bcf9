import type { ModelFamily } from '@sdq/core';
import { postNormFamily } from './post-norm-family.ts';

/** BERT (Devlin et al. 2019, arXiv 1810.04805): multilingual BERT, multilingual MiniLM, multilingual E5. */
export const bert: ModelFamily = postNormFamily({
  name: 'bert',
  prefix: 'bert.',
  className: 'Bert',
  firstPosition: () => 0,
  sequenceHead: { dense: 'pooler.dense', output: 'classifier', dropoutFirst: false },
  defaultPadId: 0,
});

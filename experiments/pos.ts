import type { Sweep } from '@sdq/pipeline';

/** Which training keeps the most of a POS tagger at 8, 4 and 2 bits. */
export default {
  name: 'pos',
  base: { task: 'POS', data: '../shared/data/xglue', methods: ['ptq', 'qat', 'qnat', 'sdq', 'sdq-mse'] },
  grid: { plan: ['w8a8', 'w4a8', 'w2a8'], seed: [0, 1, 2] },
} satisfies Sweep;

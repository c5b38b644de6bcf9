import type { Sweep } from '@sdq/pipeline';

/**
 * The teachers of mbert.ts: multilingual BERT of hidden size 768, in `mbert` (docs/experiments.md says how to make that
 * folder).
 */
export default {
  name: 'mbert-teachers',
  base: {
    data: '../shared/data/xglue',
    model: 'mbert',
    methods: ['ptq'],
    devLimit: 50,
    finetune: { epochs: 1, learningRate: 5e-5 },
  },
  tasks: { POS: { trainLimit: 2000 }, XNLI: {} },
  grid: { task: ['POS', 'XNLI'], seed: [0] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** The teacher of pos-mbert.ts: multilingual BERT of hidden size 768, in `mbert` (docs/experiments.md says how to make that folder). */
export default {
  name: 'pos-mbert-teachers',
  base: {
    task: 'POS',
    data: '../shared/data/xglue',
    model: 'mbert',
    methods: ['ptq'],
    trainLimit: 2000,
    devLimit: 50,
    finetune: { epochs: 1, learningRate: 5e-5 },
  },
  grid: { seed: [0] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** The teacher of xnli-mbert.ts: multilingual BERT of hidden size 768, in `mbert` (docs/experiments.md says how to make that folder). */
export default {
  name: 'xnli-mbert-teachers',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    model: 'mbert',
    methods: ['ptq'],
    devLimit: 50,
    finetune: { epochs: 1, learningRate: 5e-5 },
  },
  grid: { seed: [0] },
} satisfies Sweep;

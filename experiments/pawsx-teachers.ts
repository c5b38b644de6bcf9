import type { Sweep } from '@sdq/pipeline';

/** The teacher of pawsx.ts, fine-tuned in fp32; also quantized after training. */
export default {
  name: 'pawsx-teachers',
  base: {
    task: 'PAWSX',
    data: '../shared/data/xglue',
    methods: ['ptq'],
    devLimit: 200,
    finetune: { keep: 'best' },
  },
  grid: { seed: [0] },
} satisfies Sweep;

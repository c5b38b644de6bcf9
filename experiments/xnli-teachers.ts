import type { Sweep } from '@sdq/pipeline';

/** The teacher of xnli.ts, xnli-8-bits.ts and xnli-quant-noise.ts, fine-tuned in fp32; also quantized after training. */
export default {
  name: 'xnli-teachers',
  base: { task: 'XNLI', data: '../shared/data/xglue', methods: ['ptq'], devLimit: 200 },
  grid: { seed: [0] },
} satisfies Sweep;

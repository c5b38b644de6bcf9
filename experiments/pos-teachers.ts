import type { Sweep } from '@sdq/pipeline';

/** The teacher of pos.ts, pos-8-bits.ts and pos-quant-noise.ts, fine-tuned in fp32; also quantized after training. */
export default {
  name: 'pos-teachers',
  base: { task: 'POS', data: '../shared/data/xglue', methods: ['ptq'], devLimit: 200 },
  grid: { seed: [0] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** The teacher of nc.ts, fine-tuned in fp32; also quantized after training. */
export default {
  name: 'nc-teachers',
  base: { task: 'NC', data: '../shared/data/xglue', methods: ['ptq'], devLimit: 200 },
  grid: { seed: [0] },
} satisfies Sweep;

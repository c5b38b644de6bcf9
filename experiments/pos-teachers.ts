import type { Sweep } from '@sdq/pipeline';

/** POS taggers in fp32, quantized after training: the teachers of pos.ts. */
export default {
  name: 'pos-teachers',
  base: { task: 'POS', data: '../shared/data/xglue', methods: ['ptq'] },
  grid: { seed: [0, 1, 2] },
} satisfies Sweep;

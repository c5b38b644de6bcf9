import type { Sweep } from '@sdq/pipeline';

/** Product quantization of the teacher of pos-teachers.ts, trained on labels alone, and with distillation. */
export default {
  name: 'pos-products',
  base: {
    task: 'POS',
    data: '../shared/data/xglue',
    teacher: 'runs/pos-teachers/seed-0/teacher',
    methods: ['ipq', 'ipq-sdq'],
    trainLimit: 3000,
    devLimit: 200,
    quantized: { learningRate: 3e-4 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8'] },
} satisfies Sweep;

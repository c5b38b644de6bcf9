import type { Sweep } from '@sdq/pipeline';

/** As pos.ts at 8 bits, with half of the examples and a fifth of the learning rate. */
export default {
  name: 'pos-8-bits',
  base: {
    task: 'POS',
    data: '../shared/data/xglue',
    teacher: 'runs/pos-teachers/seed-0/teacher',
    methods: ['ptq', 'qat', 'sdq', 'sdq-mse'],
    trainLimit: 3000,
    devLimit: 200,
    quantized: { learningRate: 2e-5 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8'] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** Product quantization of the teacher of xnli-teachers.ts, trained on labels alone, and with distillation. */
export default {
  name: 'xnli-products',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    teacher: 'runs/xnli-teachers/seed-0/teacher',
    methods: ['ipq', 'ipq-sdq'],
    trainLimit: 1000,
    devLimit: 200,
    quantized: { learningRate: 3e-4 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8'] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** Product quantization of the teacher of nc-teachers.ts, trained on labels alone, and with distillation. */
export default {
  name: 'nc-products',
  base: {
    task: 'NC',
    data: '../shared/data/xglue',
    teacher: 'runs/nc-teachers/seed-0/teacher',
    methods: ['ipq', 'ipq-sdq'],
    trainLimit: 250,
    devLimit: 200,
    quantized: { learningRate: 3e-4 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8'] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** What each training keeps of a teacher of hidden size 768, that of xnli-mbert-teachers.ts, at 8 and 4 bits of weights. */
export default {
  name: 'xnli-mbert',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    teacher: 'runs/xnli-mbert-teachers/seed-0/teacher',
    methods: ['ptq', 'qat', 'sdq'],
    trainLimit: 2000,
    devLimit: 50,
    quantized: { learningRate: 5e-5 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0], plan: ['w4a8', 'w8a8'] },
} satisfies Sweep;

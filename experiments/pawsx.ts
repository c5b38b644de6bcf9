import type { Sweep } from '@sdq/pipeline';

/** Which training keeps the most of the teacher of pawsx-teachers.ts at 8, 4 and 2 bits of weights, over three seeds of the training. */
export default {
  name: 'pawsx',
  base: {
    task: 'PAWSX',
    data: '../shared/data/xglue',
    teacher: 'runs/pawsx-teachers/seed-0/teacher',
    methods: ['ptq', 'qat', 'sdq', 'sdq-mse'],
    trainLimit: 1000,
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8', 'w4a8', 'w2a8'] },
} satisfies Sweep;

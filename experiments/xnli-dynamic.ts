import type { Sweep } from '@sdq/pipeline';

/** As xnli.ts at 8 bits, trained with an activation grid for each token, as it is then run, in place of calibrated grids. */
export default {
  name: 'xnli-dynamic',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    teacher: 'runs/xnli-teachers/seed-0/teacher',
    methods: ['ptq', 'qat', 'sdq'],
    trainLimit: 3000,
    devLimit: 200,
    plan: 'w8a8-dynamic',
    quantized: { learningRate: 2e-5 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** As xnli.ts at 1 bit of weights: the sign and a scale for each output channel. */
export default {
  name: 'xnli-1-bit',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    teacher: 'runs/xnli-teachers/seed-0/teacher',
    methods: ['ptq', 'qat', 'sdq'],
    trainLimit: 3000,
    devLimit: 200,
    plan: 'w1a8',
    quantized: { learningRate: 1e-4 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0] },
} satisfies Sweep;

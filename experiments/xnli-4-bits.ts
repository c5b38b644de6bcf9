import type { Sweep } from '@sdq/pipeline';

/** As xnli.ts at 4 bits of weights, at the default learning rate of 2e-5. */
export default {
  name: 'xnli-4-bits',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    teacher: 'runs/xnli-teachers/seed-0/teacher',
    methods: ['qat', 'sdq'],
    trainLimit: 3000,
    devLimit: 200,
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2], plan: ['w4a8'] },
} satisfies Sweep;

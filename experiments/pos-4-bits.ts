import type { Sweep } from '@sdq/pipeline';

/** As pos.ts at 4 bits of weights, at the default learning rate of 2e-5. */
export default {
  name: 'pos-4-bits',
  base: {
    task: 'POS',
    data: '../shared/data/xglue',
    teacher: 'runs/pos-teachers/seed-0/teacher',
    methods: ['qat', 'sdq'],
    trainLimit: 6000,
    devLimit: 200,
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2], plan: ['w4a8'] },
} satisfies Sweep;

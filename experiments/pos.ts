import type { Sweep } from '@sdq/pipeline';

/** Which training keeps the most of the POS taggers of pos-teachers.ts at 8, 4 and 2 bits. */
export default {
  name: 'pos',
  base: {
    task: 'POS',
    data: '../shared/data/xglue',
    teacher: 'runs/pos-teachers/seed-{seed}/teacher',
    methods: ['ptq', 'qat', 'qnat', 'sdq', 'sdq-mse'],
  },
  grid: { plan: ['w8a8', 'w4a8', 'w2a8'], seed: [0, 1, 2] },
} satisfies Sweep;

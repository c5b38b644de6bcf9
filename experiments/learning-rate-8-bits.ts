import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students, teacherCache } from './shared/students.ts';

/** As methods.ts at 8 bits, at the default learning rate, a fifth of that; POS and XNLI with half of the examples. */
export default {
  name: 'learning-rate-8-bits',
  base: { ...students, methods: ['qat', 'sdq'], teacherCache },
  tasks: {
    ...limits,
    POS: { ...limits.POS, trainLimit: 3000, methods: ['ptq', 'qat', 'sdq', 'sdq-mse'] },
    XNLI: { ...limits.XNLI, trainLimit: 1500, methods: ['ptq', 'qat', 'sdq', 'sdq-mse'] },
  },
  grid: { task: ['POS', 'XNLI', 'NC', 'NER'], seed: [0, 1, 2], plan: ['w8a8'] },
} satisfies Sweep;

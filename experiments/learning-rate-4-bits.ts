import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students, teacherCache } from './shared/students.ts';

/** As methods.ts at 4 bits of weights, at the default learning rate, a fifth of that. */
export default {
  name: 'learning-rate-4-bits',
  base: { ...students, methods: ['qat', 'sdq'], teacherCache },
  tasks: limits,
  grid: { task: ['POS', 'XNLI', 'NC', 'NER'], seed: [0, 1, 2], plan: ['w4a8'] },
} satisfies Sweep;

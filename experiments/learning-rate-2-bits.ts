import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students, teacherCache } from './shared/students.ts';

/** As methods.ts at 2 bits of weights, at half and twice its learning rate. */
export default {
  name: 'learning-rate-2-bits',
  base: { ...students, methods: ['qat', 'sdq'], plan: 'w2a8', teacherCache },
  tasks: limits,
  grid: { task: ['XNLI', 'NC', 'NER'], 'quantized.learningRate': [5e-5, 2e-4], seed: [0] },
} satisfies Sweep;

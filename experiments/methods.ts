import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students, teacherCache } from './shared/students.ts';

/** Which training keeps the most of its teacher at 8, 4 and 2 bits of weights, over three seeds of the training. */
export default {
  name: 'methods',
  base: {
    ...students,
    methods: ['ptq', 'qat', 'sdq', 'sdq-mse'],
    quantized: { learningRate: 1e-4 },
    teacherCache,
  },
  tasks: limits,
  grid: {
    task: ['POS', 'XNLI', 'NC', 'NER', 'PAWSX'],
    seed: [0, 1, 2],
    plan: ['w2a8', 'w4a8', 'w8a8'],
  },
} satisfies Sweep;

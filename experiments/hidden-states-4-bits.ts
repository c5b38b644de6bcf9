import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students, teacherCache } from './shared/students.ts';

/** As methods.ts at 4 bits of weights, learning from the hidden states in place of the attention outputs. */
export default {
  name: 'hidden-states-4-bits',
  base: {
    ...students,
    methods: ['sdq'],
    plan: 'w4a8',
    quantized: { learningRate: 1e-4 },
    distillation: { losses: { 'logit-kl': 10, 'hidden-mse': 500 } },
    teacherCache,
  },
  tasks: limits,
  grid: { task: ['NC', 'NER'], seed: [0, 1, 2] },
} satisfies Sweep;

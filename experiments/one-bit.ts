import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students, teacherCache } from './shared/students.ts';

/** As methods.ts at 1 bit of weights: the sign and a scale for each output channel. */
export default {
  name: 'one-bit',
  base: {
    ...students,
    methods: ['ptq', 'qat', 'sdq'],
    plan: 'w1a8',
    quantized: { learningRate: 1e-4 },
    teacherCache,
  },
  tasks: limits,
  grid: { task: ['XNLI'], seed: [0] },
} satisfies Sweep;

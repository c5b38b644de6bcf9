import type { Sweep } from '@sdq/pipeline';
import { students, teacherCache } from './shared/students.ts';

/** What each training keeps of a teacher of hidden size 768, those of mbert-teachers.ts, at 8 and 4 bits of weights. */
export default {
  name: 'mbert',
  base: {
    ...students,
    teacher: 'runs/mbert-teachers/task-{task}_seed-0/teacher',
    methods: ['ptq', 'qat', 'sdq'],
    trainLimit: 2000,
    devLimit: 50,
    quantized: { learningRate: 5e-5 },
    teacherCache,
  },
  grid: { task: ['POS', 'XNLI'], seed: [0], plan: ['w4a8', 'w8a8'] },
} satisfies Sweep;

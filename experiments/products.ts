import type { Sweep } from '@sdq/pipeline';
import { students, teacherCache } from './shared/students.ts';

/** Product quantization of each teacher, trained on labels alone, and with distillation. */
export default {
  name: 'products',
  base: {
    ...students,
    methods: ['ipq', 'ipq-sdq'],
    devLimit: 200,
    quantized: { learningRate: 3e-4 },
  },
  // Fewer examples than other students have: each layer that is quantized has a training of its own.
  tasks: {
    POS: { trainLimit: 3000 },
    XNLI: { trainLimit: 1000, teacherCache },
    NC: { trainLimit: 250, teacherCache },
    NER: { trainLimit: 1300, teacherCache },
    PAWSX: { trainLimit: 330, teacherCache },
  },
  grid: { task: ['POS', 'XNLI', 'NC', 'NER', 'PAWSX'], seed: [0, 1, 2], plan: ['w8a8'] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** As ner.ts at 2 bits of weights, at half and twice its learning rate. */
export default {
  name: 'ner-2-bits',
  base: {
    task: 'NER',
    data: '../shared/data/xglue',
    teacher: 'runs/ner-teachers/seed-0/teacher',
    methods: ['qat', 'sdq'],
    trainLimit: 4000,
    devLimit: 200,
    plan: 'w2a8',
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { 'quantized.learningRate': [5e-5, 2e-4], seed: [0] },
} satisfies Sweep;

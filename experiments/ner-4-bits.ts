import type { Sweep } from '@sdq/pipeline';

/** As ner.ts at 4 bits of weights, at the default learning rate of 2e-5. */
export default {
  name: 'ner-4-bits',
  base: {
    task: 'NER',
    data: '../shared/data/xglue',
    teacher: 'runs/ner-teachers/seed-0/teacher',
    methods: ['qat', 'sdq'],
    trainLimit: 4000,
    devLimit: 200,
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2], plan: ['w4a8'] },
} satisfies Sweep;

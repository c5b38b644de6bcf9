import type { Sweep } from '@sdq/pipeline';

/** As ner.ts at 4 bits of weights, learning from the hidden states in place of the attention outputs. */
export default {
  name: 'ner-hidden-states-4-bits',
  base: {
    task: 'NER',
    data: '../shared/data/xglue',
    teacher: 'runs/ner-teachers/seed-0/teacher',
    methods: ['sdq'],
    trainLimit: 4000,
    devLimit: 200,
    plan: 'w4a8',
    quantized: { learningRate: 1e-4 },
    distillation: { losses: { 'logit-kl': 10, 'hidden-mse': 500 } },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: { seed: [0, 1, 2] },
} satisfies Sweep;

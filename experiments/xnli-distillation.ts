import type { Sweep } from '@sdq/pipeline';

/** What a student of xnli.ts learns from one of its two distillation losses alone, at 2 bits of weights. */
export default {
  name: 'xnli-distillation',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    teacher: 'runs/xnli-teachers/seed-0/teacher',
    methods: ['sdq'],
    trainLimit: 3000,
    devLimit: 200,
    plan: 'w2a8',
    quantized: { learningRate: 1e-4 },
    teacherCache: { bytes: 4_000_000_000 },
  },
  grid: {
    distillation: [{ attention: 0 }, { logits: 0 }],
    seed: [0],
  },
} satisfies Sweep;

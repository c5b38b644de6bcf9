import type { Sweep } from '@sdq/pipeline';

/** As ner-products.ts without distillation, at larger learning rates: a codebook has few numbers, each the mean of many gradients. */
export default {
  name: 'ner-products-rates',
  base: {
    task: 'NER',
    data: '../shared/data/xglue',
    teacher: 'runs/ner-teachers/seed-0/teacher',
    methods: ['ipq'],
    trainLimit: 1300,
    devLimit: 200,
  },
  grid: { 'quantized.learningRate': [1e-4, 3e-4, 1e-3], seed: [0] },
} satisfies Sweep;

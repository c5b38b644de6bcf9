import type { Sweep } from '@sdq/pipeline';

/** As ner-products.ts with distillation at a smaller rate, with less weight on the attention outputs, and none. */
export default {
  name: 'ner-products-distillation',
  base: {
    task: 'NER',
    data: '../shared/data/xglue',
    teacher: 'runs/ner-teachers/seed-0/teacher',
    methods: ['ipq-sdq'],
    trainLimit: 1300,
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
  },
  grid: { 'distillation.attention': [0, 100, 1000], seed: [0] },
} satisfies Sweep;

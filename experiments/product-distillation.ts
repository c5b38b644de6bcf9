import type { Sweep } from '@sdq/pipeline';
import { students } from './shared/students.ts';

/** As products.ts with distillation at a smaller rate, with less weight on the attention outputs, and none. */
export default {
  name: 'product-distillation',
  base: {
    ...students,
    methods: ['ipq-sdq'],
    trainLimit: 1300,
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
  },
  grid: { task: ['NER'], 'distillation.attention': [0, 100, 1000], seed: [0] },
} satisfies Sweep;

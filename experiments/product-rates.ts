import type { Sweep } from '@sdq/pipeline';
import { students } from './shared/students.ts';

/**
 * As products.ts without distillation, at other learning rates: a codebook has few numbers, each the mean of many
 * gradients.
 */
export default {
  name: 'product-rates',
  base: { ...students, methods: ['ipq'], trainLimit: 1300, devLimit: 200 },
  grid: { task: ['NER'], 'quantized.learningRate': [1e-4, 3e-4, 1e-3], seed: [0] },
} satisfies Sweep;

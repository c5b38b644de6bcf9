import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students, teacherCache } from './shared/students.ts';

/**
 * What a student should learn from its teacher, at 2 bits of weights: which losses, from which layers, with which weights.
 * Weights of losses in place of Att-KLD make each as large as Att-KLD's share in the first step.
 */
export default {
  name: 'distillation',
  base: {
    ...students,
    methods: ['sdq'],
    plan: 'w2a8',
    quantized: { learningRate: 1e-4 },
    teacherCache,
  },
  tasks: limits,
  grid: {
    task: ['XNLI'],
    distillation: [
      { attention: 0 },
      { logits: 0 },
      { layers: 'last' },
      { layers: [0, 1, 2, 3, 4, 5] },
      { layers: [6, 7, 8, 9, 10, 11] },
      { attention: 100 },
      { attention: 10_000 },
      { temperature: 2 },
      { losses: { 'logit-kl': 10, 'hidden-mse': 500 } },
      { losses: { 'logit-kl': 10, 'att-map-kl': 100 } },
      { logits: 1 },
      { logits: 100 },
      { task: 0 },
      { temperature: 4 },
      { losses: { 'logit-kl': 10, 'att-projection-mse': 500 } },
      { losses: { 'logit-kl': 10, 'hidden-cosine': 170 } },
    ],
    seed: [0],
  },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';
import { limits } from './shared/limits.ts';
import { students } from './shared/students.ts';

/** QAT with quantization noise, as methods.ts: apart, since it computes in floats and takes three times as long. */
export default {
  name: 'quant-noise',
  base: { ...students, methods: ['qnat'], quantized: { learningRate: 1e-4 } },
  tasks: limits,
  grid: {
    task: ['POS', 'XNLI', 'NC', 'NER', 'PAWSX'],
    seed: [0, 1, 2],
    plan: ['w2a8', 'w4a8', 'w8a8'],
  },
} satisfies Sweep;

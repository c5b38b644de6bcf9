import type { Sweep } from '@sdq/pipeline';

/** QAT with quantization noise, as xnli.ts: apart, since it computes in floats and takes three times as long. */
export default {
  name: 'xnli-quant-noise',
  base: {
    task: 'XNLI',
    data: '../shared/data/xglue',
    teacher: 'runs/xnli-teachers/seed-0/teacher',
    methods: ['qnat'],
    trainLimit: 3000,
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
  },
  grid: { seed: [0, 1, 2], plan: ['w2a8', 'w4a8', 'w8a8'] },
} satisfies Sweep;

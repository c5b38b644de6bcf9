import type { Sweep } from '@sdq/pipeline';

/** QAT with quantization noise, as pos.ts: apart, since it computes in floats and takes three times as long. */
export default {
  name: 'pos-quant-noise',
  base: {
    task: 'POS',
    data: '../shared/data/xglue',
    teacher: 'runs/pos-teachers/seed-0/teacher',
    methods: ['qnat'],
    trainLimit: 6000,
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
  },
  grid: { seed: [0, 1, 2], plan: ['w2a8', 'w4a8', 'w8a8'] },
} satisfies Sweep;

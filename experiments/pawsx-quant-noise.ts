import type { Sweep } from '@sdq/pipeline';

/** QAT with quantization noise at every width, as pawsx.ts: apart, since it computes in floats and takes three times as long. */
export default {
  name: 'pawsx-quant-noise',
  base: {
    task: 'PAWSX',
    data: '../shared/data/xglue',
    teacher: 'runs/pawsx-teachers/seed-0/teacher',
    methods: ['qnat'],
    trainLimit: 1000,
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8', 'w4a8', 'w2a8'] },
} satisfies Sweep;

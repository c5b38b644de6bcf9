import type { Sweep } from '@sdq/pipeline';

/** QAT with quantization noise at every width, as nc.ts: apart, since it computes in floats and takes three times as long. */
export default {
  name: 'nc-quant-noise',
  base: {
    task: 'NC',
    data: '../shared/data/xglue',
    teacher: 'runs/nc-teachers/seed-0/teacher',
    methods: ['qnat'],
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8', 'w4a8', 'w2a8'] },
} satisfies Sweep;

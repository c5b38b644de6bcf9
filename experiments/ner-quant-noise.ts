import type { Sweep } from '@sdq/pipeline';

/** QAT with quantization noise at every width, as ner.ts: apart, since it computes in floats and takes three times as long. */
export default {
  name: 'ner-quant-noise',
  base: {
    task: 'NER',
    data: '../shared/data/xglue',
    teacher: 'runs/ner-teachers/seed-0/teacher',
    methods: ['qnat'],
    trainLimit: 4000,
    devLimit: 200,
    quantized: { learningRate: 1e-4 },
  },
  grid: { seed: [0, 1, 2], plan: ['w8a8', 'w4a8', 'w2a8'] },
} satisfies Sweep;

import type { Sweep } from '@sdq/pipeline';

/** The teacher of ner.ts, fine-tuned in fp32; also quantized after training. */
export default {
  name: 'ner-teachers',
  base: { task: 'NER', data: '../shared/data/xglue', methods: ['ptq'], devLimit: 200 },
  grid: { seed: [0] },
} satisfies Sweep;

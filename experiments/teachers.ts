import type { Sweep } from '@sdq/pipeline';

/** The teachers of the other experiments, fine-tuned in fp32; also quantized after training. */
export default {
  name: 'teachers',
  base: { data: '../shared/data/xglue', methods: ['ptq'], devLimit: 200 },
  tasks: { POS: {}, XNLI: {}, NC: {}, NER: {}, PAWSX: { 'finetune.keep': 'best' } },
  grid: { task: ['POS', 'XNLI', 'NC', 'NER', 'PAWSX'], seed: [0] },
} satisfies Sweep;
